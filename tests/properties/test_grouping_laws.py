"""Laws of grouping, on random models: nested modules, several calls, captures, draws, bad placements."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import onnx
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto

import rewriter
from rewriter.evidence import tags
from rewriter.model import metadata
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.flatten import Flatten
from rewriter.passes.group import Group
from rewriter.passes.share import Share
from rewriter.passes.unshare import Unshare
from rewriter.proof.certificate import certify
from tests.drawn import drawn
from tests.properties.graphs import draw_model, models

depths = st.integers(0, 3)
few = drawn(40)


def after(model: ModelProto, *passes: Pass) -> ModelProto:
    """The model rewritten; raises unless the certificate holds."""
    return rewriter.rewrite(model, passes=passes, numbers=False).analysis.model


def stored(model: ModelProto) -> bytes:
    return model.SerializeToString(deterministic=True)


def plain(depth: int) -> Sequence[Pass]:
    return (Annotate(), Group(depth))


def per_call(depth: int) -> Sequence[Pass]:
    return (Annotate(), Unshare(), Group(depth))


def shared(depth: int) -> Sequence[Pass]:
    return (*per_call(depth), Share())


def notes_left(model: ModelProto) -> set[str]:
    """What `group` and `unshare` wrote down for `flatten`, anywhere in the model."""
    nodes = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    owners: list[metadata.HasMetadata] = [model, *nodes]
    entries = (entry.key for owner in owners for entry in owner.metadata_props)
    return {tags.ORDER, tags.MOVED_TO, tags.COPY_OF}.intersection(entries)


def operators(model: ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def owners(model: ModelProto) -> dict[str, int]:
    """Module that owns nodes -> how often it is called."""
    return {module.path: module.calls for module in rewriter.tree(model) if module.nodes}


@given(models(), depths, st.sampled_from([plain, per_call, shared]))
@few
def test_what_is_grouped_is_valid_and_proved(model: ModelProto, depth: int, passes: object) -> None:
    assert callable(passes)
    grouped = after(model, *passes(depth))
    onnx.checker.check_model(grouped, full_check=True)
    known: set[tuple[str, str]] = set()
    every = {(function.domain, function.name) for function in grouped.functions}
    for function in grouped.functions:
        assert every.intersection((n.domain, n.op_type) for n in function.node) <= known
        known.add((function.domain, function.name))


@given(models(), depths, st.sampled_from([plain, per_call]))
@few
def test_flatten_gives_the_very_model_back(model: ModelProto, depth: int, passes: object) -> None:
    assert callable(passes)
    flat = after(model, Annotate())
    again = after(model, *passes(depth), Flatten())
    assert list(map(stored_node, again.graph.node)) == list(map(stored_node, flat.graph.node))
    assert not notes_left(again)
    again.ir_version = flat.ir_version
    for each in (flat, again):
        each.graph.value_info.sort(key=lambda info: info.name)
        each.opset_import.sort(key=lambda opset: opset.domain)
    assert stored(again) == stored(flat)


def stored_node(node: onnx.NodeProto) -> bytes:
    return node.SerializeToString(deterministic=True)


@given(models(), depths)
@few
def test_what_was_shared_flattens_up_to_copies(model: ModelProto, depth: int) -> None:
    flat = after(model, *shared(depth), Flatten())
    copied = after(model, Annotate(), Unshare())
    assert certify(model, flat).equal
    assert len(flat.functions) == len(model.functions)
    assert not notes_left(flat)
    least, most = operators(model), operators(copied)
    assert least <= operators(flat) <= most
    assert owners(after(model, Annotate())).keys() <= owners(flat).keys() <= owners(copied).keys()


@given(models(), depths)
@few
def test_a_second_time_changes_nothing(model: ModelProto, depth: int) -> None:
    annotated = after(model, Annotate())
    assert stored(after(annotated, Annotate())) == stored(annotated)
    unshared = after(annotated, Unshare())
    assert stored(after(unshared, Unshare())) == stored(unshared)
    grouped = after(unshared, Group(depth))
    assert stored(after(grouped, Group(depth))) == stored(grouped)
    merged = after(grouped, Share())
    for again in (Unshare(), Group(depth), Share()):
        assert stored(after(merged, again)) == stored(merged)
    flat = after(grouped, Flatten())
    assert stored(after(flat, Flatten())) == stored(flat)


@given(models(), depths, st.sampled_from([plain, per_call, shared]))
@few
def test_draws_keep_their_number_and_order(model: ModelProto, depth: int, passes: object) -> None:
    assert callable(passes)
    flat = after(model, *passes(depth), Flatten())
    assert draws(flat) == draws(model)


def draws(model: ModelProto) -> list[str]:
    return [n.op_type for n in model.graph.node if n.op_type.startswith("Random") or n.op_type == "draw"]


@given(models(runnable=True), depths)
@drawn(6)
def test_numbers_stay_bit_for_bit(model: ModelProto, depth: int) -> None:
    numeric = rewriter.rewrite(model, passes=shared(depth), numbers=True).verification.numeric
    assert numeric is not None
    assert numeric.exact or "random" in str(numeric.skipped)


def test_the_same_model_gives_the_same_bytes_whatever_the_hash_seed() -> None:
    script = Path(__file__)
    found = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(script.parents[2])}
        done = subprocess.run(
            [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1
    assert len(found.pop()) > 1000


if __name__ == "__main__":
    for number in range(5):
        print(stored(after(draw_model(Random(number)), *shared(0))).hex())
