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
