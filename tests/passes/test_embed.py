from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.printer import to_text

import rewriter
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.passes import embed
from rewriter.passes.flatten import flatten
from tests.build import model
from tests.passes.test_docstrings import bare, domains, parsed, shown

FLAT = """
g (float[2] x) => (float[1, 2] y)
<float two = {2}, int64[2] shape = {1, 2}> {
  ["/l/Mul"] a = Mul (x, two)
  ["/l/Reshape"] y = Reshape (a, shape)
}
"""
NESTED = """
g (float[2] x) => (float[2] y)
<float two = {2}, float three = {3}> {
  ["/l.0/in/Mul"] a = Mul (x, two)
  ["/l.0/Relu"] b = Relu (a)
  ["/l.1/in/Mul"] c = Mul (b, two)
  ["/l.1/Relu"] d = Relu (c)
  ["/l.2/in/Mul"] e = Mul (d, three)
  ["/l.2/Relu"] y = Relu (e)
}
"""
PASSES = "annotate,unshare,group,share,embed"


def grouped(flat: ModelProto, passes: str = PASSES) -> ModelProto:
    return rewriter.rewrite(flat, passes=passes, numbers=False).analysis.model


def inputs(found: ModelProto) -> dict[str, list[str]]:
    return {function.name: list(function.input) for function in found.functions}


def flattened(found: ModelProto) -> ModelProto:
    copy = ModelProto.FromString(found.SerializeToString())
    flatten(copy)
    return copy


def test_the_docstring_shows_what_the_pass_makes() -> None:
    before, after = shown(embed)
    made = grouped(parsed(FLAT), "annotate,unshare,group,share")
    assert to_text(bare(made)) == to_text(bare(parsed(before, *domains(made))))
    moved = grouped(parsed(FLAT))
    assert to_text(bare(moved)) == to_text(bare(parsed(after, *domains(moved))))


def test_a_constant_moves_into_the_innermost_function_that_reads_it() -> None:
    found = grouped(model(NESTED), "annotate,unshare,group,embed")
    assert [list(function.input) for function in found.functions] == [["x"], ["b"], ["d"]] * 2
    assert not found.graph.initializer
    readers = [f.name for f in found.functions if any(node.op_type == "Constant" for node in f.node)]
    assert readers == ["in"] * 3


def test_calls_that_give_other_constants_keep_the_input() -> None:
    found = grouped(model(NESTED))
    assert inputs(found) == {"in": ["input", "constant"], "l": ["input", "constant"]}
    assert [tensor.name for tensor in found.graph.initializer] == ["two", "three"]


@pytest.mark.parametrize("text", [FLAT, NESTED])
@pytest.mark.parametrize("passes", [PASSES, "annotate,unshare,group,embed"])
def test_flatten_gives_the_initializers_back(text: str, passes: str) -> None:
    flat = model(text)
    flat.graph.value_info.append(helper.make_tensor_value_info("two", TensorProto.FLOAT, []))
    annotated = grouped(flat, "annotate")
    assert flattened(grouped(flat, passes)).SerializeToString() == annotated.SerializeToString()


def test_an_edited_constant_stays_and_the_others_go_back() -> None:
    found = grouped(model(FLAT))
    (function,) = found.functions
    two = next(node for node in function.node if node.output[0] == "two")
    two.attribute[0].t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(two.attribute[0].t) * 2, "two"))
    edited = flattened(found)
    assert rewriter.verify(found, edited, numbers=False).verdict == "equal"
    assert rewriter.verify(model(FLAT), edited, numbers=False).verdict == "not proved"


def test_constants_that_stay_get_names_of_their_own() -> None:
    found = grouped(model(NESTED), "annotate,unshare,group,embed")
    first = next(node for each in found.functions for node in each.node if node.output[0] == "two")
    first.attribute[0].t.CopyFrom(numpy_helper.from_array(np.array(4, np.float32), "two"))
    assert rewriter.verify(found, flattened(found), numbers=False).verdict == "equal"
    for function in found.functions:
        if metadata.get(function, tags.EMBEDDED) is not None:
            metadata.write(function, {tags.EMBEDDED: "{"})
    assert rewriter.verify(found, flattened(found), numbers=False).verdict == "equal"


def test_a_constant_that_other_nodes_compute_since_stays_inside() -> None:
    found = grouped(model(NESTED), "annotate,unshare,group,embed")
    function = next(each for each in found.functions if any(node.output[0] == "two" for node in each.node))
    two = next(node for node in function.node if node.output[0] == "two")
    two.output[0] = "half"
    function.node.insert(1, helper.make_node("Neg", ["half"], ["two"]))
    assert rewriter.verify(found, flattened(found), numbers=False).verdict == "equal"


def test_a_damaged_record_leaves_the_constants_inside() -> None:
    for damage in ("{", "[]", '{"inputs": [[0]]}', '{"inputs": [[9, "two", "lost"]]}'):
        found = grouped(model(FLAT))
        metadata.write(found.functions[0], {tags.EMBEDDED: damage})
        assert rewriter.verify(model(FLAT), flattened(found), numbers=False).verdict == "equal"


@pytest.mark.parametrize(
    "text",
    [
        FLAT.replace("(float[1, 2] y)", "(float[1, 2] y, float two)"),
        FLAT.replace("(float[2] x)", "(float[2] x, float two)"),
        NESTED.replace("float two = {2}", f"float[300] two = {{{', '.join(['2'] * 300)}}}").replace(
            "[2]", "[300]"
        ),
    ],
    ids=["an output", "an input with a default", "large"],
)
def test_what_stays_an_input(text: str) -> None:
    found = grouped(model(text), "annotate,unshare,group,embed")
    assert any("two" in function.input for function in found.functions)


def test_a_body_of_if_reads_the_constant_of_its_function() -> None:
    text = """
g (float[2] x, bool c) => (float[2] y)
<float two = {2}> {
  ["/l/If"] y = If (c) <
    then_branch = t () => (float[2] a) { ["/l/Mul"] a = Mul (x, two) },
    else_branch = e () => (float[2] b) { ["/l/Add"] b = Add (x, two) }>
}
"""
    found = grouped(model(text))
    onnx.checker.check_model(found, full_check=True)
    assert all("two" not in names for names in inputs(found).values())
    assert flattened(found).SerializeToString() == grouped(model(text), "annotate").SerializeToString()
