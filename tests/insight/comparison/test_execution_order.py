"""The moments at which values in bodies are computed."""

from __future__ import annotations

from rewriter.insight.comparison.execution_order import NEVER, ExecutionOrder
from rewriter.model.index.graph import GraphIndex
from rewriter.runtime.recording.steps import Step
from tests.build import model

TEXT = """
g (float[1] x) => (float[1] z) {
  first = Neg (x)
  keep = Constant <value = bool {1}> ()
  two = Constant <value = int64 {2}> ()
  y = Loop (two, keep, first) <body = b (int64 i, bool k, float[1] a) => (bool k2, float[1] d) {
    k2 = Identity (k)
    c = If (k) <
      then_branch = t () => (float[1] p) { p = Neg (a) },
      else_branch = e () => (float[1] q) { q = Abs (a) }
    >
    d = Tanh (c)
  }>
  z = Neg (y)
}
"""


def test_values_are_in_the_order_of_a_run() -> None:
    order = ExecutionOrder(GraphIndex(model(TEXT)))
    run: list[tuple[str, Step]] = [("first", (0,))]
    run += [(name, (0, number)) for number in range(2) for name in ("a", "k2", "p", "c", "d")]
    run += [("y", (0,)), ("z", (0,))]
    moments = [order.moment(name, step) for name, step in run]
    assert moments == sorted(moments)
    assert len(set(moments)) == len(moments)
    assert moments[-1] < NEVER
