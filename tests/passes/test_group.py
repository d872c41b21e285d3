"""Calls as functions: the model computes the same, and `flatten` gives it back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rewriter
from rewriter.basics.literals import FunctionsWord
from rewriter.errors import UnreadableModel, UsageError
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.flatten import Flatten
from rewriter.passes.functions.function_names import numbers_of, ranges
from rewriter.passes.group import Group
from rewriter.passes.registry.syntax import parse_passes
from rewriter.passes.restore_names import RestoreNames
from rewriter.passes.share import Share
from rewriter.runtime.inputs.feeds import Array
from tests.build import chain, model
from tests.exports import each_file_with, file_in_turn


def after(source: Path | onnx.ModelProto, *passes: Pass) -> onnx.ModelProto:
    """The model rewritten without a file; raises unless the certificate holds."""
    return rewriter.rewrite(source, passes=passes, numbers=False).analysis.model


def bodies(nodes: Iterable[onnx.NodeProto]) -> list[bytes]:
    return [node.SerializeToString(deterministic=True) for node in nodes]


FIRST = ("unshare,", "")


@each_file_with("steps", [f"{first}group{{depth={depth}}}" for depth in (1, 2, 3, 0) for first in FIRST])
def test_every_export_groups_and_flattens(path: Path, steps: str) -> None:
    flat, passes = after(path, Annotate()), parse_passes(steps)
    grouped = after(flat, *passes)
    again = after(grouped, Flatten())
    assert bodies(again.graph.node) == bodies(flat.graph.node)
    assert stored(again) == stored(flat)
    assert grouped.functions
    assert stored(after(grouped, *passes)) == stored(grouped)
    shared = after(grouped, Share())
    assert len(shared.functions) <= len(grouped.functions)
    assert stored(after(shared, *passes, Share())) == stored(shared)
    again = after(shared, Flatten())
    assert not any(function.metadata_props for function in again.functions)
    assert owners(again) == owners(flat)
    if path.parent.name != "external_data":
        onnx.checker.check_model(shared, full_check=True)


def stored(proto: onnx.ModelProto) -> bytes:
    """The bytes of a model, without the order of what is known of values."""
    ordered = onnx.ModelProto()
    ordered.CopyFrom(proto)
    ordered.graph.value_info.sort(key=lambda info: info.name)
    return ordered.SerializeToString(deterministic=True)


def owners(proto: onnx.ModelProto) -> dict[str, int]:
    """Module that owns a node -> how often it is called."""
    return {module.path: module.calls for module in rewriter.tree(proto) if module.nodes}


@each_file_with("functions", ["shared", "call"], ("dy", "ts"))
def test_grouped_exports_run_alike(path: Path, functions: FunctionsWord) -> None:
    report = rewriter.rewrite(path, functions=functions)
    numeric = report.verification.numeric
    assert numeric is not None
    draws = path.parent.name in ("random_numbers", "dropout_training")
    assert numeric.exact or (draws and "random" in str(numeric.skipped))
    if path.parent.name != "external_data":
        onnx.checker.check_model(report.analysis.model, full_check=True)


@file_in_turn
def test_restored_names_are_grouped_as_well(path: Path) -> None:
    named = after(path, Annotate(), RestoreNames())
    assert bodies(after(path, Annotate(), RestoreNames(), Group(), Flatten()).graph.node) == bodies(
        named.graph.node
    )


def test_names_domains_and_metadata() -> None:
    names = ("/enc/layer.0/a/Relu", "/enc/layer.0/Relu", "/enc/layer.1/odd name/Relu", "/Relu")
    grouped = after(chain(*names), Annotate(), Group())
    assert [(f.domain, f.name) for f in grouped.functions] == [
        ("enc.layer_0.a", "a"),
        ("enc.layer_1.odd_name", "odd_name"),
        ("enc.layer_0", "layer"),
        ("enc.layer_1", "layer"),
        ("enc", "enc"),
    ]
    call, last = grouped.graph.node
    assert (call.name, last.name) == ("/enc", "/Relu")
    assert metadata.read(call)[tags.MODULE] == "enc"
    assert {opset.domain for opset in grouped.opset_import} >= {"", "enc", "enc.layer_0.a"}
    onnx.checker.check_model(grouped, full_check=True)


def test_reserved_domains_and_twins_are_avoided() -> None:
    grouped = after(chain("/ai/onnx/Relu", "/a_b/Relu", "/a b/Relu"), Annotate(), Group())
    assert [f.domain for f in grouped.functions] == ["modules.ai.onnx", "modules.ai", "a_b", "a_b_2"]
    assert len({(f.domain, f.name) for f in grouped.functions}) == len(grouped.functions)


def test_only_what_is_chosen_is_grouped() -> None:
    proto = chain("/enc/layer.0/Relu", "/enc/layer.1/Relu", "/dec/Relu")
    assert [f.domain for f in after(proto, Group(only="enc.layer.*")).functions] == [
        "enc.layer_0",
        "enc.layer_1",
    ]
    assert [f.domain for f in after(proto, Group(depth=1)).functions] == ["enc", "dec"]
    assert [f.domain for f in after(proto, Group(leave_out="enc")).functions] == ["dec"]
    classy = chain("n", n={tags.MODULE: "a", tags.CLASS: "pkg.Block", tags.EVIDENCE: "exporter_metadata"})
    assert [f.name for f in after(classy, Group(class_name="Block")).functions] == ["Block"]
    with pytest.raises(UsageError, match="no class fits 'Other'; there is Block"):
        after(classy, Group(class_name="Other"))


def test_a_body_takes_its_captures_along() -> None:
    proto = model(
        """g (float[2] x, bool c, float[2] o) => (float[2] y) <float[2] "m.w" = {1, 2}>
        {
          ["/m/Mul"] a = Mul(x, "m.w")
          ["/m/If"] b = If(c) <
            then_branch = t () => (float[2] t1) { t1 = Add(a, o) },
            else_branch = e () => (float[2] e1) { e1 = Sub(a, "m.w") }>
          y = Relu(b)
        }"""
    )
    report = rewriter.rewrite(proto, passes=(Annotate(), Group()), inputs=_feeds())
    assert list(report.analysis.model.functions[0].input) == ["x", "c", "o", "m.w"]
    assert report.verification.numeric is not None
    assert report.verification.numeric.exact


def _feeds() -> dict[str, Array]:
    return {
        "x": np.array([1, 2], np.float32),
        "c": np.array(True),
        "o": np.array([3, 4], np.float32),
    }


def test_an_edited_function_flattens_in_order_of_the_calls() -> None:
    grouped = after(chain("/a/Relu", "/a/Relu_1", "/b/Relu"), Annotate(), Group())
    function = grouped.functions[0]
    extra = onnx.helper.make_node("Identity", [function.input[0]], ["seen_by_nobody"], name="extra")
    function.node.insert(0, extra)
    flat = after(grouped, Flatten())
    assert [node.name for node in flat.graph.node] == ["extra", "/a/Relu", "/a/Relu_1", "/b/Relu"]
    assert not flat.functions


def test_functions_of_others_are_kept() -> None:
    text = """<ir_version: 10, opset_import: ["" : 17, "mine" : 1]>
    g (float[2] x) => (float[2] y) { ["/a/f"] t = mine.f(x) ["/a/Relu"] y = Relu(t) }
    <domain: "mine", opset_import: ["" : 17]> f (p) => (q) { q = Neg(p) }"""
    proto = onnx.parser.parse_model(text)
    grouped = after(proto, Annotate(), Group())
    assert [f.name for f in grouped.functions] == ["f", "a"]
    assert [f.name for f in after(grouped, Flatten()).functions] == ["f"]
    onnx.checker.check_model(grouped, full_check=True)


@given(st.lists(st.integers(0, 50), unique=True))
def test_ranges_are_read_back(numbers: list[int]) -> None:
    assert numbers_of(ranges(numbers), len(numbers)) == numbers


@given(
    st.lists(
        st.lists(st.sampled_from(["a", "b", "c.0", "c.1"]), max_size=3).map("/".join), min_size=1, max_size=12
    )
)
def test_any_placement_groups_and_flattens(scopes: list[str]) -> None:
    """Whatever the modules of a chain of nodes are, its calls can be made functions and undone."""
    names = [f"/{scope}/Relu_{n}".replace("//", "/") for n, scope in enumerate(scopes)]
    flat = after(chain(*names), Annotate())
    grouped = after(flat, Group())
    onnx.checker.check_model(grouped)
    assert bodies(after(grouped, Flatten()).graph.node) == bodies(flat.graph.node)


def test_names_that_are_not_text_are_refused() -> None:
    proto = chain("/a/Relu", "/b/Relu")
    data = proto.SerializeToString().replace(b"v1", b"\xff1")
    with pytest.raises(UnreadableModel, match="not UTF-8"):
        rewriter.rewrite(data, passes=(Annotate(), Group()), numbers=False)
    assert rewriter.rewrite(data, numbers=False).analysis.tree.placed == 2


@pytest.mark.parametrize("shared", [False, True])
def test_inputs_are_those_of_forward_then_parameters_then_constants(shared: bool) -> None:
    text = """g (float[2] m, float[2] v) => (float[2] y)
      <float[2] half = {1,2}, float[2] "grid.bias" = {3,4},
       float[2] one = {5,6}, float[2] "grid.scale" = {7,8}>
      {
        ["/grid/Mul"] a = Mul(v, half)
        ["/grid/Add"] b = Add(a, "grid.bias")
        ["/grid/Mul_1"] c = Mul(b, m)
        ["/grid/Add_1"] d = Add(c, one)
        ["/grid/Mul_2"] y = Mul(d, "grid.scale")
      }"""
    (function,) = after(model(text), Group(), *([Share()] if shared else [])).functions
    assert list(function.input) == ["v", "m", "grid.bias", "grid.scale", "half", "one"]


def test_a_tensor_of_several_parameters_is_an_input_under_its_own_name() -> None:
    proto = model(
        """g (float[5,1,3] x) => (float[5,1,1,2] y)
        <float[1,8,3] "onnx::LSTM_1" = {0}, float[1,8,2] "onnx::LSTM_2" = {0},
         float[1,16] "onnx::LSTM_3" = {0}> {
          ["/rnn/LSTM"] a = LSTM<hidden_size = 2>(x, "onnx::LSTM_1", "onnx::LSTM_2", "onnx::LSTM_3")
          ["/rnn/Relu"] y = Relu(a)
        }"""
    )
    function = after(proto, Group()).functions[0]
    found = json.loads(metadata.read(function)[tags.PARAMETERS])
    assert list(found.values()) == ["W_l0", "R_l0", "B_l0"]
