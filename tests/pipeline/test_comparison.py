"""The second of two models is compared by its own tree, or by that of the first."""

from __future__ import annotations

import onnx

import rewriter

TEXT = """
<ir_version: 10, opset_import: ["" : 18, "my" : 1]>
g (float[2] x) => (float[2] y) { a = my.Block (x) y = my.Block (a) }
<domain: "my", opset_import: ["" : 18, "my" : 1]> Block (x) => (y) { a = my.Inner (x) y = Neg (a) }
<domain: "my", opset_import: ["" : 18]> Inner (x) => (y) { a = Abs (x) y = Relu (a) }
"""


def test_a_model_of_its_producers_functions_does_not_differ_from_itself() -> None:
    model = onnx.parser.parse_model(TEXT)
    assert len(rewriter.tree(model).modules) > 2
    assert rewriter.diff(model, model, numbers=False).changed == ()
