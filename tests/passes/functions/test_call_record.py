"""What a shared function keeps of its calls is enough to give every call its nodes back."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable

import onnx
import pytest
from onnx import ModelProto, NodeProto, helper

import rewriter
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.flatten import Flatten
from rewriter.passes.functions import call_record, shared_function
from rewriter.passes.group import Group
from rewriter.passes.share import Share
from rewriter.passes.unshare import Unshare
from rewriter.refusals import Reason
from tests.build import model

SHARED: tuple[Pass, ...] = (Annotate(), Unshare(), Group(), Share())

LAYERS = """g (float[2] x) => (float[2] y) <float[2] "layer.0.w" = {1, 2}, float[2] "layer.1.w" = {3, 4}>
    {
      ["/layer.0/Mul"] v = Mul(x, "layer.0.w")
      ["one"] mask = Neg(v)
      ["/layer.0/If"] a = If(c) <
        then_branch = t () => (float[2] p) { p = Abs(mask) },
        else_branch = e () => (float[2] q) { q = Neg(mask) }>
      c2 = Constant <value = bool {1}> ()
      ["/layer.1/Mul"] w = Mul(a, "layer.1.w")
      ["two"] other = Neg(w)
      ["/layer.1/If"] y = If(c) <
        then_branch = t () => (float[2] r) { r = Abs(other) },
        else_branch = e () => (float[2] s) { s = Neg(other) }>
    }"""


def layers() -> ModelProto:
    """Two equal layers with a branch each; the exporter wrote more on one node than on its counterpart."""
    proto = model(
        LAYERS.replace("(float[2] x)", "(float[2] x, bool c)").replace(
            "      c2 = Constant <value = bool {1}> ()\n", ""
        )
    )
    for number, node in enumerate(proto.graph.node):
        node.doc_string = f"node {number}"
        node.metadata_props.add(key="namespace", value=f"somebody's {number}")
    proto.graph.value_info.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in ("w", "v", "mask", "a")
    )
    proto.ir_version = 8
    return proto


def after(source: ModelProto, *passes: Pass) -> ModelProto:
    """The model rewritten without a file; raises unless the certificate holds."""
    return rewriter.rewrite(source, passes=passes, numbers=False).analysis.model


def the_function(proto: ModelProto) -> onnx.FunctionProto:
    (function,) = proto.functions
    return function


def test_flatten_gives_the_file_back_whatever_the_calls_differ_in() -> None:
    proto = layers()
    shared = after(proto, *SHARED)
    assert len(the_function(shared).node) == 3
    assert metadata.get(shared.graph.node[1], tags.ORDER) is None
    assert after(shared, Flatten()) == after(proto, Annotate())


def test_without_annotations_the_very_input_comes_back() -> None:
    proto = layers()
    assert after(proto, Group(), Share(), Flatten()) == proto


def edited_attribute(function: onnx.FunctionProto) -> None:
    """Somebody replaces what one branch computes; the record has the branch as it was."""
    function.node[2].attribute[0].g.node[0].op_type = "Sqrt"


def edited_operator(function: onnx.FunctionProto) -> None:
    function.node[1].op_type = "Abs"


def added_node(function: onnx.FunctionProto) -> None:
    node = helper.make_node("Neg", [function.node[1].output[0]], ["new"], name="new")
    inner = [*map(copied, function.node[:2]), node, copied(function.node[2])]
    del function.node[:]
    function.node.extend(inner)


def renamed_result(function: onnx.FunctionProto) -> None:
    function.node[2].output[0] = function.output[0] = "renamed"


def copied(node: NodeProto) -> NodeProto:
    copy = NodeProto()
    copy.CopyFrom(node)
    return copy


@pytest.mark.parametrize("edit", [edited_attribute, edited_operator, added_node])
def test_an_edited_function_is_what_counts(edit: Callable[[onnx.FunctionProto], None]) -> None:
    shared = after(layers(), *SHARED)
    edit(the_function(shared))
    flat = after(shared, Flatten())  # certified equal to the edited model
    assert len(flat.graph.node) == 2 * len(the_function(shared).node)
    assert not flat.functions
    edited = next(node for node in the_function(shared).node if node.op_type == "If").attribute[0].g
    branches = [node.attribute[0].g for node in flat.graph.node if node.op_type == "If"]
    assert [branch.node[0].op_type for branch in branches] == [edited.node[0].op_type] * 2


def test_new_names_inside_do_not_matter() -> None:
    proto = layers()
    shared = after(proto, *SHARED)
    renamed_result(the_function(shared))
    assert after(shared, Flatten()).graph.node == after(proto, Annotate()).graph.node


def test_a_call_with_another_result_is_named_after_the_call() -> None:
    shared = after(layers(), *SHARED)
    shared.graph.node[0].output[0] = shared.graph.node[1].input[0] = "renamed"
    for position, name in enumerate(shared.graph.node[1].input):
        if name == "a":
            shared.graph.node[1].input[position] = "renamed"
    flat = after(shared, Flatten())
    assert [node.name for node in flat.graph.node[:3]] == ["/layer.0/Mul", "/layer.0/one", "/layer.0/If"]
    assert [node.name for node in flat.graph.node[3:]] == ["/layer.1/Mul", "two", "/layer.1/If"]


def test_what_is_named_after_calls_does_not_contradict_itself() -> None:
    """Inside of `layer`, `one` is of `layer.0.act`: named `/layer.0/one` it would seem to be of `layer.0`."""
    proto = layers()
    for number in (1, 4):
        proto.graph.node[number].metadata_props.add(
            key="pkg.torch.onnx.name_scopes",
            value=f"['', 'layer.{number // 3}', 'layer.{number // 3}.act', 'neg']",
        )
    shared = after(proto, Annotate(), Group(depth=1), Share())
    for function in shared.functions:
        metadata.erase(function, [tags.FLAT])
    tree = rewriter.tree(shared)
    assert tree.conflicts == rewriter.tree(proto).conflicts == 0
    assert [place and place.module for place in tree.placements] == [
        place and place.module for place in rewriter.tree(proto).placements
    ]
    assert "/layer.0/act/one" in {node.name for node in after(shared, Flatten()).graph.node}


def test_types_of_a_function_are_told_of_every_call_under_its_own_names() -> None:
    shared = after(layers(), *SHARED)
    metadata.erase(the_function(shared), [tags.FLAT])
    names = {info.name for info in after(shared, Flatten()).graph.value_info}
    values = {name for node in after(shared, Flatten()).graph.node for name in node.output}
    assert names <= values


BOMB = base64.b64encode(zlib.compress(bytes(1 << 20))).decode()


@pytest.mark.parametrize(
    "entry", ["", "?", "eA==", BOMB, base64.b64encode(zlib.compress(b"\x3a\x00")).decode()]
)
def test_a_damaged_record_is_none(entry: str) -> None:
    shared = after(layers(), *SHARED)
    metadata.write(the_function(shared), {tags.FLAT: entry})
    assert len(after(shared, Flatten()).graph.node) == 6


def test_a_record_is_never_unpacked_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = after(layers(), *SHARED)
    length = len(zlib.decompress(base64.b64decode(metadata.get(the_function(shared), tags.FLAT) or "")))
    monkeypatch.setattr(call_record, "MOST_BYTES", length)
    assert after(shared, Flatten()).graph.node[1].name == "one"
    monkeypatch.setattr(call_record, "MOST_BYTES", length - 1)
    assert after(shared, Flatten()).graph.node[1].name == "/layer.0/one"


def test_names_that_are_too_long_to_keep_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_function, "MOST_BYTES", 100)
    report = rewriter.rewrite(layers(), passes=SHARED, numbers=False)
    assert [refusal.reason for refusal in report.refusals] == [Reason.NAMES_LOST]
    assert metadata.get(the_function(report.analysis.model), tags.FLAT) is None


def test_the_layer_of_a_call_is_that_of_its_nodes() -> None:
    shared = after(layers(), *SHARED)
    for call in shared.graph.node:
        metadata.write(call, {metadata.LAYER: call.name[1:]})
    flat = after(shared, Flatten())
    assert [metadata.get(node, metadata.LAYER) for node in flat.graph.node] == ["layer.0"] * 3 + [
        "layer.1"
    ] * 3


def test_a_record_whose_outputs_are_no_list_is_none() -> None:
    shared = after(layers(), *SHARED)
    packed = base64.b64decode(metadata.get(the_function(shared), tags.FLAT) or "")
    text = zlib.decompress(packed)
    kept = onnx.ModelProto.FromString(text)
    (entry,) = [each for each in kept.graph.metadata_props if "outputs" in each.value]
    calls = json.loads(entry.value)
    entry.value = json.dumps([{**call, "outputs": "y"} for call in calls])
    damaged = base64.b64encode(zlib.compress(kept.SerializeToString())).decode()
    metadata.write(the_function(shared), {tags.FLAT: damaged})
    assert len(after(shared, Flatten()).graph.node) == 6
