"""The interface of an operator, and the names of its function."""

from __future__ import annotations

import onnx

import rewriter
from rewriter.edits.replacement import rename_function, with_entered_bodies
from rewriter.views.json.edits.replacement import replace_json
from tests.build import model

SHARED = """
g (float[2] x) => (float[2] y, float[3] z)
<float[2] "l.0.weight" = {1.0, 2.0}, float[3] "l.1.weight" = {1.0, 2.0, 3.0}>
{
  ["/Identity"] w = Identity ("l.0.weight")
  ["/l.0/Mul"] a = Mul (x, w)
  ["/l.0/LeakyRelu"] y = LeakyRelu <alpha = 0.1> (a)
  ["/Concat"] c = Pad (y, p)
  ["/l.1/Mul"] b = Mul (c, "l.1.weight")
  ["/l.1/LeakyRelu"] z = LeakyRelu <alpha = 0.2> (b)
}
"""


def test_types_are_those_that_every_node_has() -> None:
    proto = model(SHARED)
    proto.graph.initializer.append(onnx.helper.make_tensor("p", onnx.TensorProto.INT64, [2], [0, 1]))
    found = rewriter.replace(proto, "l.*", "my.domain:Fused", numbers=False)
    assert [(each.name, each.is_stored, each.type) for each in found.inputs] == [
        ("input", False, None),
        ("weight", True, None),
    ]
    assert found.attributes == {"alpha": "float"}
    assert found.modules == {"l.0": 1, "l.1": 1}
    assert found.ran is None
    alone = rewriter.replace(proto, "l.1", "my.domain:Fused", numbers=False)
    document = replace_json(alone)
    assert document["inputs"][1] == {"name": "weight", "dtype": "float", "shape": [3], "stored": True}
    assert document["calls"] == [{"node": "/l.1", "module": "l.1", "call": 0}]
    assert (document["body"], document["ran"], document["kernel"]) == (2, None, None)


def test_bodies_are_entered_in_domains_of_runtimes_alone() -> None:
    proto = model('g (float[2] x) => (float[2] y) { ["/m/Relu"] a = Relu (x) ["/m/Neg"] y = Neg (a) }')
    made = rewriter.replace(proto, "m", "my.domain:Fused", numbers=False).model
    assert with_entered_bodies(made) == (made, ())
    rename_function(made, made.functions[0], "com.microsoft", "Fused")
    entered, remarks = with_entered_bodies(made)
    assert remarks == ("com.microsoft:Fused counts as the body of its function",)
    assert entered.functions[0].domain == entered.graph.node[0].domain == "rewriter.replaced"
    assert made.functions[0].domain == "com.microsoft"
    assert rewriter.verify(proto, entered, numbers=False).certificate.equal
    assert not rewriter.verify(proto, made, numbers=False).certificate.equal
