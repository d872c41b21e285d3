"""Functions and calls in nested bodies: `flatten` restores records, and the spelling of domains."""

from __future__ import annotations

import pytest
from onnx import ModelProto

import rewriter
from rewriter.basics.literals import FunctionsWord
from rewriter.model.index.graph import nodes_within
from tests.build import model

NESTED = """
g (float[2] x, bool c) => (float[2] y)
{
  ["/dec/If"] y = If (c) <
    then_branch = t () => (float[2] a)
    {
      ["/dec/If_1"] a = If (c) <
        then_branch = tt () => (float[2] u)
          { ["/dec/up/Neg"] q = Neg (x)  ["/dec/up/Mul"] r = Mul (x, q)  ["/dec/Abs"] u = Abs (r) },
        else_branch = ee () => (float[2] v) { ["/dec/down/Abs"] v = Abs (x) }>
    },
    else_branch = e () => (float[2] b) { ["/dec/down/Neg"] n = Neg (x)  ["/dec/Abs_1"] b = Abs (n) }>
}
"""
"""The body `t` has no call itself, but the bodies inside it have."""


@pytest.mark.parametrize("functions", ["call", "shared"])
@pytest.mark.parametrize("scope", ["/dec/If", "/If"])
@pytest.mark.parametrize("spelled", ["", "Abs", "Neg"])
def test_flatten_restores_nested_bodies(functions: FunctionsWord, scope: str, spelled: str) -> None:
    source = model(NESTED.replace("/dec/If", scope))
    _spell_long(source, spelled)
    flat = rewriter.rewrite(source, numbers=False).analysis.model
    made = rewriter.rewrite(flat, functions=functions, numbers=False).analysis.model
    assert len(made.functions) > 2
    assert rewriter.rewrite(made, passes="flatten", numbers=False).analysis.model == flat


def _spell_long(source: ModelProto, operator: str) -> None:
    """Write `ai.onnx` on all nodes of an operator."""
    for node in nodes_within(source.graph.node):
        if node.op_type == operator:
            node.domain = "ai.onnx"
