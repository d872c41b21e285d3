"""What onnxruntime cannot run inside of functions stays outside, and the result runs."""

from __future__ import annotations

import onnx
import onnx.parser
import pytest

import rewriter
from rewriter import pipeline
from rewriter.passes.registry.presets import Functions, standard_passes
from rewriter.refusals import Reason
from rewriter.views.rewrite_report import Report
from tests.build import model

HEAD = '<ir_version: 10, opset_import: ["" : 21]>\n'
# Two elements of four bits are one number in ONNX text.
UNPACKED = """g (float[2] x) => (float[2] y) <int4[2] w = {225}, float s = {0.5}> {
  ["/a/b/c/DequantizeLinear"] d = DequantizeLinear(w, s)
  ["/a/b/c/Add"] e = Add(x, d)
  ["/a/b/Relu"] y = Relu(e)
}"""
PASSED_ON = """g (float[2] x) => (float[2] y) {
  ["/a/b/Cast"] t = Cast<to = 17>(x)
  ["/a/c/d/Identity"] u = Identity(t)
  ["/a/c/d/e/Cast"] v = Cast<to = 1>(u)
  ["/a/c/d/e/Relu"] y = Relu(v)
}"""
PASSED_ON_BY_IF = """g (float[2] x, bool c) => (float[2] y) {
  ["/a/b/If"] t = If(c) <
    then_branch = one () => (p) { p = Cast<to = 17>(x) },
    else_branch = other () => (q) { n = Neg(x) q = Cast<to = 17>(n) }
  >
  ["/a/c/d/Identity"] u = Identity(t)
  ["/a/c/d/e/Cast"] v = Cast<to = 1>(u)
  ["/a/c/d/e/Relu"] y = Relu(v)
}"""
CARRIED = """g (float[2] x) => (float[2] y) <int64 n = {2}> {
  ["/a/b/Cast"] t = Cast<to = 17>(x)
  ["/a/c/Loop"] r = Loop(n, , t) <
    body = one (int64 i, bool go, carried) => (on, r2) { on = Identity(go) r2 = Identity(carried) }
  >
  ["/a/c/d/e/Cast"] v = Cast<to = 1>(r)
  ["/a/c/d/e/Relu"] y = Relu(v)
}"""
SHALLOW = """g (float[2] x) => (float[2] y) <int4[2] w = {225}, float s = {0.5}> {
  ["/a/DequantizeLinear"] d = DequantizeLinear(w, s)
  ["/a/b/Add"] y = Add(x, d)
}"""
DEFAULTS = """g (float[1,2,3,3] x) => (float[1,2,3,3] y) {
  ["/a/b/MVN"] v = MeanVarianceNormalization(x)
  ["/a/b/Relu"] y = Relu(v)
}"""
STATED = DEFAULTS.replace("Normalization(", "Normalization<axes = [0, 2, 3]>(")


def grouped(text: str) -> Report:
    options = pipeline.Options(standard_passes(Functions.CALL))
    return pipeline.rewrite(onnx.parser.parse_model(HEAD + text), None, options)


@pytest.mark.parametrize(
    ("text", "reason", "witnesses"),
    [
        (UNPACKED, Reason.LATE_TYPE, ["/a/b/c/DequantizeLinear"]),
        (PASSED_ON, Reason.LATE_TYPE, ["/a/c/d/Identity", "/a/c/d/e/Cast"]),
        (PASSED_ON_BY_IF, Reason.LATE_TYPE, ["/a/c/d/Identity", "/a/c/d/e/Cast"]),
        (CARRIED, Reason.LATE_TYPE, ["/a/c/d/e/Cast"]),
        (SHALLOW, Reason.LATE_TYPE, []),
        (DEFAULTS, Reason.LOST_DEFAULT, ["/a/b/MVN"]),
        (STATED, Reason.LOST_DEFAULT, []),
    ],
    ids=[
        "4-bit weight",
        "8-bit float passed on",
        "by an If",
        "by a Loop",
        "one call down",
        "default",
        "stated",
    ],
)
def test_what_functions_cannot_hold_goes_up(text: str, reason: Reason, witnesses: list[str]) -> None:
    report = grouped(text)
    assert [(each.reason, each.witness) for each in report.refusals] == [(reason, name) for name in witnesses]
    assert report.analysis.model.functions
    assert report.verification.numeric is not None
    assert report.verification.numeric.exact, report.verification.numeric


def test_nodes_of_sets_without_import_stay_in_the_main_graph() -> None:
    made = model(
        "g (float[2] x) => (float[2] y) "
        '{ ["/a/Neg"] h = Neg(x) ["/b/Gelu"] k = com.microsoft.FastGelu(h) ["/a/Exp"] y = Exp(k) }'
    )
    report = rewriter.rewrite(made, functions="call", numbers=False)
    refused = [(str(each.module), each.reason, each.witness) for each in report.refusals]
    assert refused[0] == ("b", Reason.NO_IMPORT, "/b/Gelu")
    assert [note for note in report.analysis.notes if "com.microsoft" in note] == [
        "the file imports no version of operator set 'com.microsoft': its operators are taken as they stand"
    ]
    inside = {node.op_type for function in report.result.functions for node in function.node}
    assert "FastGelu" not in inside
    assert "Neg" in inside
