"""Finds modules by the order in which an exporter traced the nodes.

A module runs from its call to its return. So a node that was traced between two nodes of one call of a module
is in that module, or in one that it calls.

Exporters write nodes in the order of the trace. Some tools sort them anew, but keep the numbers in names:
torch numbers the results of each operator in the order of the trace (`view`, `view_1`), and so the values in
between (`val_7`). If the numbers of all operators grow in file order, that order counts. Otherwise only the
order of equal operators and the dataflow are known, so a node may stand anywhere between its last known
predecessor and its first known successor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from heapq import heapify, heappop, heappush
from itertools import pairwise

from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ModulePath, common_ancestor

_NUMBERED = re.compile(r"(?!_v_)([a-z_]*[a-z])(?:_(\d{1,9}))?$")
"""Name of a result, and its number. onnxsim writes `_v_7`, in another order."""
_WIDEST = 64
"""Maximum placed nodes between which a node may stand. The limit keeps the work linear."""


class TraceOrder:
    """Order of the trace, as far as it is known.

    Attributes:
        order: the nodes in an order that agrees with all that is known; [] if that contradicts itself.
        later: node -> nodes that were traced after it; for any other pair, a path shows the order, if known.
    """

    def __init__(self, graph: GraphIndex) -> None:
        nodes = range(len(graph.nodes))
        numbered = [*_numbered(graph)]
        if all(one <= other for one, other in numbered):
            self.order = list(nodes)
            self.later = {node: [node + 1] for node in nodes[:-1]}
            return
        self.later = {node: [*graph.successors(node)] for node in nodes}
        for one, other in numbered:
            if one != other:
                self.later[one].append(other)
        self.order = self._sorted()

    def _sorted(self) -> list[int]:
        """Return the nodes in an order that agrees with all that is known; [] if that contradicts itself."""
        waits = dict.fromkeys(self.later, 0)
        for behind in self.later.values():
            for node in behind:
                waits[node] += 1
        ready = [node for node, count in waits.items() if not count]
        heapify(ready)
        order = []
        while ready:
            order.append(heappop(ready))
            for node in self.later[order[-1]]:
                waits[node] -= 1
                if not waits[node]:
                    heappush(ready, node)
        return order if len(order) == len(waits) else []

    def enclosing(self, places: Mapping[int, ModulePath]) -> dict[int, ModulePath]:
        """Return node without a place -> the lowest module that holds the placed nodes around it.

        Nodes before the first placed one are left out, and those behind the last.
        """
        placed = [node for node in self.order if node in places]
        rank = {node: number for number, node in enumerate(placed)}
        first = dict.fromkeys(self.order, NONE)
        last = dict.fromkeys(self.order, len(placed))
        for node in self.order:
            for other in self.later.get(node, ()):
                first[other] = max(first[other], rank.get(node, first[node]))
        for node in reversed(self.order):
            for other in self.later.get(node, ()):
                last[node] = min(last[node], rank.get(other, last[other]))
        found = {}
        for node in self.order:
            around = placed[max(first[node], 0) : last[node] + 1]
            if node not in places and last[node] < len(placed) and 1 < len(around) <= _WIDEST:
                found[node] = common_ancestor(sorted({places[other] for other in around}))
        return {node: module for node, module in found.items() if module is not None}


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
        yield from pairwise(nodes)
