"""There and back: what `flatten` gives after the other passes is what was there, down to the metadata."""

from __future__ import annotations

import onnx

import rewriter
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.flatten import Flatten
from rewriter.passes.group import Group


def after(source: onnx.ModelProto, *passes: Pass) -> onnx.ModelProto:
    """The model rewritten without a file; raises unless the certificate holds."""
    return rewriter.rewrite(source, passes=passes, numbers=False).analysis.model


def test_value_info_of_a_weight_survives_a_foreign_function_that_uses_its_name() -> None:
    proto = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 17, "mine" : 1]>
        g (float[2] x) => (float[2] y) <float[2] w = {1, 2}, float[2] t>
        { ["/a/f"] t = mine.f(x) ["/a/Add"] y = Add(t, w) }
        <domain: "mine", opset_import: ["" : 17]> f (p) => (q) { w = Neg(p) q = Neg(w) }"""
    )
    proto.graph.value_info.append(onnx.helper.make_tensor_value_info("w", onnx.TensorProto.FLOAT, [2]))
    grouped = after(proto, Annotate(), Group())
    assert [info.name for info in grouped.graph.value_info] == ["w"]
    assert {info.name for info in after(grouped, Flatten()).graph.value_info} == {"t", "w"}
