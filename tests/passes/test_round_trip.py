"""There and back: what `flatten` gives after the other passes is what was there, down to the metadata."""

from __future__ import annotations

import onnx

import rewriter
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.flatten import Flatten
from rewriter.passes.group import Group
from rewriter.passes.unshare import Unshare
from tests.build import model


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


SHARED_CONSTANT = """g (float[2] x) => (float[2] y)
    {
      k = Constant <value = float {2}> ()
      ["/a/Mul"] p = Mul(x, k)
      ["/b/Mul"] y = Mul(p, k)
    }"""


def test_a_node_without_a_module_has_none_again() -> None:
    proto = model(SHARED_CONSTANT)
    proto.graph.node[0].metadata_props.add(key="namespace", value="somebody's own")
    flat = after(proto, Annotate())
    again = after(flat, Unshare(), Group(), Flatten())
    assert again.graph.node == flat.graph.node


def test_moves_are_forgotten_where_nothing_was_grouped() -> None:
    proto = model(
        """g (float[2] x) => (float[2] y)
        { ["/a/Constant"] k = Constant <value = float {2}> () ["/Mul"] y = Mul(x, k) }"""
    )
    flat = after(proto, Annotate())
    unshared = after(flat, Unshare())
    assert unshared.graph.node != flat.graph.node
    assert after(unshared, Flatten()) == flat
