"""Functions that a producer wrote for modules show the hierarchy if no name does."""

from __future__ import annotations

import onnx.parser

from rewriter.evidence.claims import Source
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.build import analyse
from rewriter.modules.module_tree import ModuleTree

TWICE = """<ir_version: 10, opset_import: ["" : 18, "m" : 1]>
g (float[2,4] x, float[4,4] w) => (float[2,4] y) {
  [first] a = m.Block(x, w)
  [second] b = m.Block(a, w)
  [end] y = Relu(b)
}
<opset_import: ["" : 18, "m" : 1], domain: "m">
Block (x, w) => (y) { [fc] h = m.Linear(x, w)  [add] y = Add(x, h) }
<opset_import: ["" : 18], domain: "m">
Linear (x, w) => (y) { [mul] y = MatMul(x, w) }
"""


def tree_of(text: str) -> ModuleTree:
    return analyse(GraphIndex(onnx.parser.parse_model(text))).tree


def test_a_call_is_a_module_and_its_function_the_class() -> None:
    tree = tree_of(TWICE)
    assert {module.path: module.class_name for module in tree} == {
        "": None,
        "first": "Block",
        "first.fc": "Linear",
        "second": "Block",
    }
    assert (tree["first"].total_nodes, tree["second"].total_nodes, tree.coverage) == (4, 1, 1.0)
    assert tree.by_source == {Source.FUNCTION: 6}


def test_that_a_body_is_shown_in_the_first_call_is_told() -> None:
    notes = analyse(GraphIndex(onnx.parser.parse_model(TWICE))).notes
    assert any(note.startswith("functions of its producer with several calls: 1;") for note in notes)


def test_calls_of_one_name_are_told_apart() -> None:
    tree = tree_of(TWICE.replace("[second]", "[first]"))
    assert [module.path for module in tree] == ["", "first", "first.fc", "first_1"]


def test_functions_of_operators_are_no_modules() -> None:
    text = TWICE.replace('"m"', '"pkg.onnxscript.torch_lib"').replace("m.", "pkg.onnxscript.torch_lib.")
    assert [module.path for module in tree_of(text)] == [""]


def test_a_scope_anywhere_tells_more() -> None:
    tree = tree_of(TWICE.replace("[end]", '["/head/Relu"]'))
    assert [module.path for module in tree] == ["", "head"]
