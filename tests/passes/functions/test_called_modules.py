"""Functions of other tools, kept, inlined and grouped anew: each call is a module of its own."""

from __future__ import annotations

import onnx
import pytest

import rewriter
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.refusals import Reason
from tests.passes.test_group import stored

TWICE = """<ir_version: 10, opset_import: ["" : 20, "my" : 1]>
g (float[2] x) => (float[2] y) {
  ["b0"] h = my.Block (x)
  ["b1"] k = my.Block (h)
  [own] y = Neg (k)
}
<domain: "my", opset_import: ["" : 20, "my" : 1]>
Block (p) => (q) { [lin] r = my.Linear (p) [act] q = Relu (r) }
<domain: "my", opset_import: ["" : 20]>
Linear (p) => (q) { [inner] q = Abs (p) }
"""
CALLS_ALONE = TWICE.replace("[lin] r = my.Linear (p) [act] q = Relu (r)", "[lin] q = my.Linear (p)")
MODULES = {
    "": None,
    "b0": "Block",
    "b0.lin": "Linear",
    "b1": "Block",
    "b1.lin": "Linear",
}


def classes(model: onnx.ModelProto) -> dict[str, str | None]:
    return {str(module.path): module.class_name for module in rewriter.tree(model)}


@pytest.mark.parametrize("text", [TWICE, CALLS_ALONE], ids=["nodes", "calls alone"])
def test_every_call_becomes_a_module_with_its_class(text: str) -> None:
    report = rewriter.rewrite(onnx.parser.parse_model(text), foreign=True, numbers=False)
    flat = report.analysis.model
    assert not flat.functions
    assert classes(flat) == MODULES
    modules = [metadata.get(node, tags.MODULE) for node in flat.graph.node]
    inner = [["b0.lin", "b0"], ["b1.lin", "b1"]] if text == TWICE else [["b0.lin"], ["b1.lin"]]
    assert modules == [*inner[0], *inner[1], ""]
    assert report.verification.certificate.equal


def test_they_are_grouped_anew_and_again_to_the_same() -> None:
    model = onnx.parser.parse_model(TWICE)
    grouped = rewriter.rewrite(model, foreign=True, functions="shared", numbers=False).analysis.model
    assert [(each.domain, each.name) for each in grouped.functions] == [
        ("modules", "Linear"),
        ("modules", "Block"),
    ]
    again = rewriter.rewrite(grouped, foreign=True, functions="shared", numbers=False).analysis.model
    assert stored(again) == stored(grouped)


def test_they_are_kept_unless_asked_for() -> None:
    kept = rewriter.rewrite(onnx.parser.parse_model(TWICE), functions="call", numbers=False).analysis.model
    assert {"Block", "Linear"} <= {each.name for each in kept.functions if each.domain == "my"}


def test_a_file_annotated_before_has_the_module_of_each_call_after_flatten() -> None:
    annotated = rewriter.rewrite(onnx.parser.parse_model(TWICE), numbers=False).analysis.model
    flat = rewriter.rewrite(annotated, passes="flatten{foreign=true}", numbers=False).analysis.model
    assert classes(flat) == MODULES


def test_a_damaged_tree_is_left_alone() -> None:
    annotated = rewriter.rewrite(onnx.parser.parse_model(TWICE), numbers=False).analysis.model
    metadata.write(annotated, {tags.TREE: "{"})
    flat = rewriter.rewrite(annotated, passes="flatten{foreign=true}", numbers=False).analysis.model
    assert metadata.get(flat, tags.TREE) == "{"


def test_a_domain_of_functions_has_no_version() -> None:
    text = TWICE.replace('"my" : 1]>\nBlock', '"my" : 7]>\nBlock')
    assert text != TWICE
    flat = rewriter.rewrite(onnx.parser.parse_model(text), foreign=True, numbers=False)
    assert not flat.analysis.model.functions
    assert not flat.refusals


def test_a_function_that_computes_by_another_opset_is_kept_with_a_refusal() -> None:
    text = TWICE.replace('opset_import: ["" : 20]>\nLinear', 'opset_import: ["" : 18]>\nLinear')
    report = rewriter.rewrite(onnx.parser.parse_model(text), foreign=True, functions="shared", numbers=False)
    assert [each.reason for each in report.refusals] == [Reason.OTHER_OPSET]
    names = [(each.domain, each.name) for each in report.analysis.model.functions]
    assert ("my", "Linear") in names
    assert ("my", "Block") not in names
