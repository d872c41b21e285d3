"""Shared nodes given back to their calls."""

from __future__ import annotations

import onnx

import rewriter
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.unshare import Unshare
from tests.build import model


def after(source: onnx.ModelProto, *passes: Pass) -> onnx.ModelProto:
    """The model rewritten without a file; raises unless the certificate holds."""
    return rewriter.rewrite(source, passes=passes, numbers=False).analysis.model


def test_a_second_run_changes_nothing() -> None:
    """The Shape moves to where its reader moved, which gives the Clip a reader in its own module."""
    proto = model(
        """g (float[2] x) => (float[2] y)
        {
          ["/b/Clip"] v = Clip(x)
          ["/a/Shape"] s = Shape(v)
          ["/b/c/ConstantOfShape"] f = ConstantOfShape(s)
          ["/a/Add"] y = Add(v, f)
        }"""
    )
    once = after(proto, Annotate(), Unshare())
    assert once.graph.node != after(proto, Annotate()).graph.node
    assert after(once, Unshare()) == once
