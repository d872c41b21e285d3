"""Laws of grouping, on random models: nested modules, several calls, captures, draws, bad placements."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import onnx
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto

import rewriter
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.embed import Embed
from rewriter.passes.flatten import Flatten
from rewriter.passes.functions.provenance import is_ours
from rewriter.passes.group import Group
from rewriter.passes.restore_names import RestoreNames
from rewriter.passes.share import Share
from rewriter.passes.unshare import Unshare
from rewriter.proof.certificate import certify
from tests.drawn import drawn
from tests.properties.graphs import draw_model, models

depths = st.integers(0, 3)
few = drawn(40)
fewer = drawn(20)
"""For the law whose every draw takes some thirty passes."""


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


def embedded(depth: int) -> Sequence[Pass]:
    return (*shared(depth), Embed())


def lifted(depth: int) -> Sequence[Pass]:
    return (*per_call(depth), Share(lift=True))


def repeated(depth: int) -> Sequence[Pass]:
    return (Annotate(), Unshare(), Group(depth, repeated=True), Share())


@given(models(), depths, st.sampled_from([plain, per_call, embedded]))
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


@given(models(), depths, st.sampled_from([plain, per_call, shared, embedded, lifted, repeated]))
@few
def test_flatten_gives_the_very_model_back(model: ModelProto, depth: int, passes: object) -> None:
    assert callable(passes)
    flat = after(model, Annotate())
    grouped = after(model, *passes(depth))
    assert stored(after(grouped, Flatten())) == stored(flat)
    if any(map(is_ours, grouped.functions)):  # else the copies of `unshare` stand in the graph
        assert rewriter.tree(grouped).placements == rewriter.tree(flat).placements


@given(models(), st.sampled_from([plain, shared]))
@few
def test_what_was_never_annotated_flattens_to_itself(model: ModelProto, passes: object) -> None:
    assert callable(passes)
    again = after(model, *passes(0)[1:], Flatten())
    if passes is plain:  # `unshare` leaves its module on a node that it moved
        assert stored(again) == stored(model)
    assert certify(model, again).equal


@given(models(), depths)
@fewer
def test_a_second_time_changes_nothing(model: ModelProto, depth: int) -> None:
    annotated = after(model, Annotate())
    assert stored(after(annotated, Annotate())) == stored(annotated)
    unshared = after(annotated, Unshare())
    assert stored(after(unshared, Unshare())) == stored(unshared)
    assert stored(after(unshared, Annotate())) == stored(unshared)
    grouped = after(unshared, Group(depth))
    merged = after(grouped, Share())
    moved = after(merged, Embed())
    # `restore_names` is skipped if there are functions to flatten.
    restoring: list[Pass] = [RestoreNames()] if any(map(is_ours, grouped.functions)) else []
    for again in (Annotate(), *restoring, Unshare(), Group(depth)):
        for each in (grouped, merged, moved):
            assert stored(after(each, again)) == stored(each)
    assert stored(after(merged, Share())) == stored(merged)
    assert stored(after(moved, Share(), Embed())) == stored(moved)
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
