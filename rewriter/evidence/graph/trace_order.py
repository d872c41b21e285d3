"""Finds modules by the order in which an exporter traced the steps of a file (see `names/torch_operators`).

A module runs from its call to its return. So a step that was traced between two steps of one call of a module
is in that module, or in one that it calls.

Exporters write nodes in the order of the trace. Some tools sort them anew, but keep the numbers in names: torch
numbers the results of each operator in the order of the trace (`view`, `view_1`), and so the values in between
(`val_7`). If the numbers of all operators grow in file order, that order counts. Otherwise only the order of
equal operators and the dataflow are known, so a step may stand anywhere between its last known predecessor
and its first known successor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from heapq import heapify, heappop, heappush

from rewriter.evidence.names.torch_operators import Steps
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ModulePath, common_ancestor

_NUMBERED = re.compile(r"(?!_v_)([a-z_]*[a-z])(?:_(\d{1,9}))?$")
"""Name of a result, and its number. onnxsim writes `_v_7`, in another order."""
_WIDEST = 64
"""Maximum placed steps between which a step may stand. The limit keeps the work linear."""


class TraceOrder:
    """What is known about the order of the trace: steps, and for each the steps known to come later."""

    def __init__(self, graph: GraphIndex, steps: Steps) -> None:
        heads = sorted(set(steps.heads) - steps.constant)
        numbered = [(steps.of[one], steps.of[other]) for one, other in _numbered(graph)]
        if all(one <= other for one, other in numbered):
            self.order = heads
            self.later = dict(zip(heads, ([other] for other in heads[1:]), strict=False))
            return
        self.later = {step: [*steps.behind[step]] for step in heads}
        for one, other in numbered:
            if one != other and one in self.later and other in self.later:
                self.later[one].append(other)
        self.order = self._sorted()

    def _sorted(self) -> list[int]:
        """Return the steps in an order that agrees with all that is known; [] if that contradicts itself."""
        waits = dict.fromkeys(self.later, 0)
        for behind in self.later.values():
            for step in behind:
                waits[step] += 1
        ready = [step for step, count in waits.items() if not count]
        heapify(ready)
        order = []
        while ready:
            order.append(heappop(ready))
            for step in self.later[order[-1]]:
                waits[step] -= 1
                if not waits[step]:
                    heappush(ready, step)
        return order if len(order) == len(waits) else []

    def enclosing(self, places: Mapping[int, ModulePath]) -> dict[int, ModulePath]:
        """Return step without a place -> the lowest module that holds the placed steps around it."""
        placed = [step for step in self.order if step in places]
        rank = {step: number for number, step in enumerate(placed)}
        first = dict.fromkeys(self.order, 0)
        last = dict.fromkeys(self.order, len(placed))
        for step in self.order:
            for other in self.later.get(step, ()):
                first[other] = max(first[other], rank.get(step, first[step]))
        for step in reversed(self.order):
            for other in self.later.get(step, ()):
                last[step] = min(last[step], rank.get(other, last[other]))
        found = {}
        for step in self.order:
            around = placed[first[step] : last[step] + 1]
            if step not in places and last[step] < len(placed) and len(around) <= _WIDEST:
                found[step] = common_ancestor(sorted({places[other] for other in around}))
        return {step: module for step, module in found.items() if module is not None}


def _numbered(graph: GraphIndex) -> Iterator[tuple[int, int]]:
    """Yield pairs of nodes whose results have consecutive numbers of one operator."""
    found: dict[str, list[tuple[int, int]]] = {}
    for node, written in enumerate(graph.writes):
        for value in written:
            name = graph.value_names[value] if value != NONE else ""
            if isinstance(name, str) and (parts := _NUMBERED.match(name)):
                found.setdefault(parts[1], []).append((int(parts[2] or 0), node))
    for numbers in found.values():
        nodes = [node for _, node in sorted(numbers)]
        yield from zip(nodes, nodes[1:], strict=False)
