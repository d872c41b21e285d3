"""The helper for tests of passes: what is lost or differs is named, what may be lost is let through."""

from __future__ import annotations

import re
from collections.abc import Callable

import onnx
import pytest
from onnx import ModelProto

import rewriter
from rewriter.testing import Lost, assert_rewrite, lost_fields
from tests.adapters.rich import rich
from tests.exports import EXPORTS

LOSSES: dict[str, tuple[Callable[[ModelProto], object], str]] = {
    "doc string": (lambda m: m.graph.node[0].ClearField("doc_string"), "NodeProto.doc_string: 'stack trace'"),
    "metadata": (lambda m: m.ClearField("metadata_props"), "ModelProto.metadata_props[said]: 'a model'"),
    "value info": (lambda m: m.graph.ClearField("value_info"), "value_info: 'tensor_type {"),
    "quantization": (
        lambda m: m.graph.ClearField("quantization_annotation"),
        "GraphProto.quantization_annotation",
    ),
    "training": (lambda m: m.ClearField("training_info"), "ModelProto.training_info"),
    "producer": (lambda m: m.ClearField("producer_name"), "ModelProto.producer_name: 'somebody'"),
    "opset": (lambda m: m.opset_import.pop(), 'ModelProto.opset_import: \'domain: "unused"'),
    "function": (lambda m: m.functions.pop(0), "ModelProto.functions: 'Twice'"),
    "unknown": (lambda m: m.graph.node[0].DiscardUnknownFields(), "NodeProto: unknown field: '1023'"),
    "in a body": (
        lambda m: m.graph.node[5].attribute[0].g.node[0].ClearField("metadata_props"),
        "NodeProto.metadata_props[said]: 'in ",
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_named(name: str) -> None:
    lose, says = LOSSES[name]
    before, after = rich(), rich()
    lose(after)
    with pytest.raises(AssertionError, match=re.escape(f"lost {says}")):
        assert_rewrite(before, after, numbers=False)
    kinds = {each.kind for each in lost_fields(before, after)}
    assert_rewrite(before, after, numbers=False, lost=["*"])
    assert not any("rewriter" in kind for kind in kinds)


@pytest.mark.parametrize(
    "passes", ["annotate,restore_names", "annotate,unshare,group", "annotate,unshare,group,flatten"]
)
def test_our_own_passes_lose_nothing(passes: str) -> None:
    before = onnx.load(EXPORTS / "bert" / "dy.onnx")
    verification = assert_rewrite(before, rewriter.rewrite(before, passes=passes, numbers=False).result)
    assert verification.numeric is not None
    assert verification.numeric.agrees


def test_what_computes_something_else_is_no_rewrite() -> None:
    before, after = onnx.load(EXPORTS / "bert" / "dy.onnx"), onnx.load(EXPORTS / "bert" / "dy.onnx")
    next(node for node in after.graph.node if node.op_type == "Tanh").op_type = "Relu"
    with pytest.raises(AssertionError, match=r"^different: onnxruntime: 3 runs, off by .* at output"):
        assert_rewrite(before, after)


def test_losses_are_values() -> None:
    before, after = rich(), rich()
    for node in after.graph.node:
        node.ClearField("doc_string")
    assert lost_fields(before, before) == lost_fields(after, before) == ()
    assert Lost("NodeProto.doc_string", "stack trace", 1) in lost_fields(before, after)
    assert lost_fields(before.SerializeToString(), after) == lost_fields(before, after)
