"""Builds the call graph of a file's functions, and computes the size and depth of the inlined model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from onnx import NodeProto

from rewriter.model.index.cycles import callees_first
from rewriter.model.index.functions import Identity, called_by


class Calls:
    """Call graph of the model and its functions. Every function is read once, however often it is called.

    Attributes:
        size: number of nodes after inlining all calls.
        depth: maximum nesting of function calls.
        entered: function -> number of its calls after inlining all callers; 0 for an uncalled function.
    """

    def __init__(self, main: Sequence[NodeProto], inside: dict[Identity, list[NodeProto]]) -> None:
        calls = {identity: _called(nodes, inside) for identity, nodes in inside.items()}
        first = _called(main, inside)
        order = callees_first({identity: list(found) for identity, found in calls.items()})
        totals: dict[Identity, tuple[int, int]] = {}

        def total(nodes: int, found: Counter[Identity]) -> tuple[int, int]:
            size = nodes + sum(times * (totals[callee][0] - 1) for callee, times in found.items())
            return size, max((totals[callee][1] + 1 for callee in found), default=0)

        for identity in order:
            totals[identity] = total(len(inside[identity]), calls[identity])
        self.size, self.depth = total(len(main), first)
        self.entered = Counter(first)
        for identity in reversed(order):
            for callee, times in calls[identity].items():
                self.entered[callee] += times * self.entered[identity]


def _called(nodes: Iterable[NodeProto], inside: dict[Identity, list[NodeProto]]) -> Counter[Identity]:
    """Return function -> number of its calls among some nodes."""
    names = map(called_by, nodes)
    return Counter(name for name in names if name in inside)
