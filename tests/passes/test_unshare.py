"""Shared nodes given back to their calls."""

from __future__ import annotations

import onnx
import pytest

import rewriter
from rewriter.evidence.metadata import tags
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.unshare import Unshare
from tests.build import model


def shape_between() -> onnx.ModelProto:
    """A Shape that one module makes and another alone reads."""
    return model(
        """g (float[2] x) => (float[2] y)
        {
          ["/b/Clip"] v = Clip(x)
          ["/a/Shape"] s = Shape(v)
          ["/b/c/ConstantOfShape"] f = ConstantOfShape(s)
          ["/a/Add"] y = Add(v, f)
        }"""
    )


def after(source: onnx.ModelProto, *passes: Pass) -> onnx.ModelProto:
    """The model rewritten without a file; raises unless the certificate holds."""
    return rewriter.rewrite(source, passes=passes, numbers=False).analysis.model


def test_a_second_run_changes_nothing() -> None:
    """The Shape moves to where its reader moved, which gives the Clip a reader in its own module."""
    proto = shape_between()
    once = after(proto, Annotate(), Unshare())
    assert once.graph.node != after(proto, Annotate()).graph.node
    assert after(once, Unshare()) == once


@pytest.mark.parametrize(("key", "text"), [(tags.COPY_OF, "s"), (tags.MOVED_TO, "0 a")])
def test_either_note_tells_of_an_earlier_run(key: str, text: str) -> None:
    proto = shape_between()
    proto.graph.node[1].metadata_props.add(key=key, value=text)
    nodes = list(after(proto, Annotate()).graph.node)
    assert list(after(proto, Annotate(), Unshare()).graph.node) == nodes
