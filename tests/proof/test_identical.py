from collections.abc import Callable
from pathlib import Path

import pytest
from onnx import ModelProto, StringStringEntryProto, TensorProto, parser

import rewriter
from rewriter.proof.identical import same_to_run
from tests.exports import EXPORTS

TEXT = """<ir_version: 8, opset_import: ["" : 21, "m" : 1]>
g (float[2] x, bool on) => (float[2] y) <float[2] w = {0, 2}> {
    [first] a = Mul(x, w)
    [second] b = If(on) <then_branch = t () => (float[2] c) { [inner] c = Neg(a) },
                         else_branch = e () => (float[2] d) { [inner] d = m.f(a) }>
    [third] y = LeakyRelu<alpha = 0.5>(b)
}
<domain: "m", opset_import: ["" : 21]> f (p) => (q) { [deep] q = Abs(p) }"""
PLAIN = """<ir_version: 8, opset_import: ["" : 21]>
g (float[2] x) => (float[2] y) { [first] a = Neg(x) [second] y = Abs(a) }"""

Edit = Callable[[ModelProto], object]


def edited(text: str, edit: Edit) -> bool:
    before, after = parser.parse_model(text), parser.parse_model(text)
    edit(after)
    assert before != after
    return same_to_run(before, after)


def entry(key: str) -> StringStringEntryProto:
    return StringStringEntryProto(key=key, value="some")


def body(model: ModelProto) -> ModelProto:
    return model.graph.node[1].attribute[0].g  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        (TEXT, lambda m: m.graph.node[0].metadata_props.append(entry("rewriter.module"))),
        (TEXT, lambda m: body(m).node[0].metadata_props.append(entry("namespace"))),  # type: ignore[attr-defined]
        (TEXT, lambda m: m.functions[0].node[0].metadata_props.append(entry("namespace"))),
        (TEXT, lambda m: m.metadata_props.append(entry("rewriter.tree"))),
        (TEXT, lambda m: m.graph.metadata_props.append(entry("some"))),
        (TEXT, lambda m: setattr(m.graph.node[0], "doc_string", "said")),
        (TEXT, lambda m: setattr(m, "ir_version", 10)),
        (PLAIN, lambda m: setattr(m.graph.node[0], "name", "other")),
    ],
)
def test_what_is_only_said_is_not_executed(text: str, edit: Edit) -> None:
    assert edited(text, edit)


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        (TEXT, lambda m: m.graph.node[0].metadata_props.append(entry("layer_ann"))),
        (TEXT, lambda m: m.metadata_props.append(entry("ort_config"))),
        (TEXT, lambda m: setattr(m, "ir_version", 3)),
        (TEXT, lambda m: setattr(m, "ir_version", 11)),
        (TEXT, lambda m: setattr(m.opset_import[0], "version", 20)),
        (TEXT, lambda m: setattr(m.graph.node[0], "op_type", "Add")),
        (TEXT, lambda m: m.graph.node[0].input.reverse()),
        (TEXT, lambda m: setattr(m.graph.node[2].attribute[0], "f", 0.25)),
        (TEXT, lambda m: setattr(body(m).node[0], "op_type", "Abs")),  # type: ignore[attr-defined]
        (TEXT, lambda m: setattr(m.functions[0].node[0], "op_type", "Neg")),
        (TEXT, lambda m: m.functions[0].opset_import.add(domain="m", version=1)),
        (TEXT, lambda m: m.graph.initializer[0].float_data.__setitem__(0, -0.0)),
        (TEXT, lambda m: m.graph.value_info.add(name="a")),
        (TEXT, lambda m: m.graph.node.pop()),
        (TEXT, lambda m: m.graph.node[1].MergeFromString(b"\xfa\x3f\x01?")),  # a field nobody knows
        (TEXT, lambda m: m.graph.MergeFromString(b"\xfa\x3f\x01?")),
        (TEXT, lambda m: setattr(m.functions[0].node[0], "name", "other")),  # names meet when it is inlined
        (PLAIN, lambda m: setattr(m.graph.node[0], "name", "second")),
    ],
)
def test_everything_else_is(text: str, edit: Edit) -> None:
    assert not edited(text, edit)


def test_external_data_may_differ_between_folders() -> None:
    model = parser.parse_model(PLAIN)
    model.graph.initializer.add(name="w", dims=[1], data_type=1, data_location=TensorProto.EXTERNAL)
    assert same_to_run(model, model, (Path("a"), Path("a")))
    assert not same_to_run(model, model, (Path("a"), Path("b")))


@pytest.mark.parametrize("kind", ["ts", "dy"])
def test_annotating_needs_no_numbers_but_they_can_be_had(kind: str) -> None:
    path = EXPORTS / "bert" / f"{kind}.onnx"
    spared = rewriter.rewrite(path).verification.numeric
    assert spared is not None
    assert (spared.identical, spared.runs, spared.exact, spared.agrees) == (True, 0, None, True)
    assert "of one model" in (spared.skipped or "")
    run = rewriter.rewrite(path, numbers=True).verification.numeric
    assert run is not None
    assert (run.identical, run.exact) == (False, True)


def test_names_of_weights_are_executed() -> None:
    named = rewriter.rewrite(EXPORTS / "bert" / "ts.onnx", restore_names=True).verification.numeric
    assert named is not None
    assert (named.identical, named.exact) == (False, True)
