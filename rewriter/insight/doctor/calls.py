"""Who calls whom in a file, and what that comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from onnx import NodeProto

from rewriter.model.checks import Identity, called_by
from rewriter.model.cycles import callees_first


class Calls:
    """Who calls whom. Every function is read once, however often and however deep it is called.

    Attributes:
        size: nodes of the model once all calls are entered; a call itself is none then.
        depth: functions inside each other.
        entered: function -> how often the model comes to it.
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
    """Function -> calls of it among some nodes."""
    names = map(called_by, nodes)
    return Counter(name for name in names if name in inside)
