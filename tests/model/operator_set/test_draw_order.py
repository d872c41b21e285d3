"""Nodes that draw random numbers are found in bodies and functions, too."""

from __future__ import annotations

from rewriter.model.operator_set.draw_order import DrawOrder
from tests.proof.texts import model, unary


def test_draws_are_found_in_bodies_and_functions() -> None:
    made = model(
        unary(
            "a = m.f(x) b = m.g(x) d = custom.Op(x) e = RandomNormalLike(x) h = Exp(x) "
            "y = If(c) <then_branch = t () => (float[2] p) { p = m.f(h) }, "
            "else_branch = e () => (float[2] q) { q = Neg(x) }>",
            "def f (i) => (o) { o = m.h(i) } def h (i) => (o) { o = RandomNormalLike(i) } "
            "def g (i) => (o) { o = Neg(i) }",
        )
    )
    assert DrawOrder(made).draws(made.graph.node) == [0, 2, 3, 5]
