"""What a call takes in and gives out."""

from __future__ import annotations

import onnx

import rewriter
from rewriter.passes.annotate import Annotate
from rewriter.passes.group import Group
from tests.build import model


def test_constants_that_nobody_reads_make_a_call_that_onnx_accepts() -> None:
    """ONNX has no node without inputs and outputs."""
    proto = model(
        """g (float[2] x) => (float[2] y)
        {
          ["/a/b/Constant"] k = Constant <value = float {2}> ()
          ["/a/b/Constant_1"] l = Constant <value = float {3}> ()
          ["/Relu"] y = Relu(x)
        }"""
    )
    grouped = rewriter.rewrite(proto, passes=(Annotate(), Group()), numbers=False).analysis.model
    assert [list(function.output) for function in grouped.functions] == [["k"], ["k"]]
    onnx.checker.check_model(grouped, full_check=True)


def test_a_node_outside_of_all_regions_reads_what_a_call_gives() -> None:
    """A body that nothing reads from is no region of another: what it takes comes in from the call."""
    proto = model(
        """g (float[2] x) => (float[2] y)
        {
          ["/a/Neg"] v = Neg(x)
          ["/a/Abs"] w = Abs(v)
          ["/b/Add"] y = Add(v, w)
        }"""
    )
    grouped = rewriter.rewrite(proto, passes=(Annotate(), Group()), numbers=False).analysis.model
    assert [(list(f.input), list(f.output)) for f in grouped.functions] == [
        (["x"], ["v", "w"]),
        (["v", "w"], ["y"]),
    ]


def test_what_a_call_gives_has_a_name() -> None:
    """Blank outputs are no values, and a node may have no others."""
    proto = model(
        """g (float[2] x) => (float[2] y)
        {
          ["/a/Op"] k = mine.Op()
          ["/a/Two"] l, m = mine.Two()
          ["/Relu"] y = Relu(x)
        }"""
    )
    proto.opset_import.add(domain="mine", version=1)
    proto.graph.node[0].output[0] = ""
    proto.graph.node[1].output[0] = ""
    del proto.graph.node[0].output[:]
    grouped = rewriter.rewrite(proto, passes=(Annotate(), Group()), numbers=False).analysis.model
    assert [list(function.output) for function in grouped.functions] == [["m"]]
