"""What `flatten` gives back of the flat graph."""

from __future__ import annotations

import onnx

import rewriter
from rewriter.passes.annotate import Annotate
from rewriter.passes.flatten import Flatten
from rewriter.passes.group import Group
from tests.build import model


def test_stated_types_come_back_in_their_order() -> None:
    proto = model(
        """g (float[2] x) => (float[2] y) <float[2] a, float[2] b, float[2] c, float[2] d, float[2] e>
        {
          ["/Relu"] a = Relu(x)
          ["/l/Neg"] b = Neg(a)
          ["/l/Abs"] c = Abs(b)
          ["/Abs"] d = Abs(c)
          ["/Neg"] e = Neg(d)
          ["/Neg_1"] y = Neg(e)
        }"""
    )
    grouped = rewriter.rewrite(proto, passes=(Annotate(), Group()), numbers=False).analysis.model
    assert [info.name for info in grouped.graph.value_info] == ["a", "c", "d", "e"]
    flat = rewriter.rewrite(grouped, passes=(Flatten(),), numbers=False).analysis.model
    assert flat.graph.value_info == proto.graph.value_info


def test_the_domain_of_an_inlined_function_stays_imported_for_other_nodes() -> None:
    source = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 17, "pkg" : 1]>
        g (float[2] x) => (float[2] y) { a = pkg.F (x) y = pkg.Raw (a) }
        <domain: "pkg", opset_import: ["" : 17]> F (p) => (q) { q = Relu (p) }"""
    )
    flat = rewriter.rewrite(source, passes=(Flatten(foreign=True),), numbers=False).analysis.model
    assert [node.op_type for node in flat.graph.node] == ["Relu", "Raw"]
    assert "pkg" in {each.domain for each in flat.opset_import}
