"""Random numbers are drawn in the order of the file, whatever the calls around them."""

from __future__ import annotations

import rewriter
from rewriter.model.index.graph import GraphIndex
from rewriter.model.operator_set.determinism import drawing_in_order
from rewriter.passes.annotate import Annotate
from rewriter.passes.group import Group
from tests.build import model

INTERLEAVED = """g (float[2] x) => (float[2] y, float[2] z)
    {
      ["/a/RandomNormalLike"] p = RandomNormalLike(x)
      ["/b/RandomNormalLike"] z = RandomNormalLike(x)
      ["/a/RandomNormalLike_1"] q = RandomNormalLike(x)
      ["/a/Sub"] y = Sub(p, q)
    }"""


def test_a_call_whose_draws_another_interrupts_is_cut() -> None:
    """The three nodes are equal, so only their order tells which of them reach which output."""
    report = rewriter.rewrite(model(INTERLEAVED), passes=(Annotate(), Group()), numbers=False)
    assert [f.node[0].name for f in report.analysis.model.functions] == [
        "/a/RandomNormalLike",
        "/b/RandomNormalLike",
        "/a/RandomNormalLike_1",
    ]
    assert [(str(refusal.module), refusal.witness) for refusal in report.refusals] == [
        ("a", "/b/RandomNormalLike")
    ]


def test_unknown_operators_keep_their_order_on_equal_inputs_only() -> None:
    proto = model(
        """g (float[2] x, bool c) => (float[2] y)
        {
          a = mine.Op(x)
          b = mine.Op(a)
          d = mine.Op(x)
          e = RandomNormalLike(d)
          y = If(c) <
            then_branch = t () => (float[2] t1) { t1 = RandomUniformLike(e) },
            else_branch = f () => (float[2] f1) { f1 = Add(a, b) }>
        }"""
    )
    assert list(drawing_in_order(GraphIndex(proto))) == [(0, 2), (3, 4)]
