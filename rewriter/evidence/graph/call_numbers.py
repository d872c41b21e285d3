"""Numbers the calls of nodes by repetition, if no witness numbers them: a second call repeats the first.

The dynamo exporter marks no calls. Two things show them:

- Repetition. The nodes of a module and its submodules, without constants and Identity nodes of weights, stand
  in runs, with nodes of other modules between them. If the module is called k times, its operators repeat k
  times. Two calls in succession make one long run; repetition counts there only if all parts read an
  initializer in common, since plain arithmetic repeats by itself. Nodes that calls share are in the first
  call alone (see `shared_nodes`), so the calls are compared a second time without these.
- Departures. Between two calls there are nodes that were made while the module was not running (see
  `call_ends`). A call never has nodes on both sides of a departure.

If the nodes repeat unevenly, or such a call would span a departure, the calls are those of the children if
all of these repeat, else the stretches between departures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from math import gcd
from typing import TypeVar

from rewriter.evidence.graph.call_ends import CallEnds
from rewriter.evidence.graph.shared_nodes import shared_nodes
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ROOT, ModulePath

T = TypeVar("T")


def count_calls(
    graph: GraphIndex,
    modules: Sequence[ModulePath | None],
    departures: CallEnds,
) -> tuple[dict[int, int], dict[ModulePath, int]]:
    """Number the calls of nodes.

    Args:
        graph: the model.
        modules: node -> its module, None for nodes to ignore.
        departures: the ends of calls.

    Returns:
        node -> the call of its module; module -> number of its calls; both for modules with several calls.
    """
    inside: dict[ModulePath, list[int]] = {}
    for node, module in enumerate(modules):
        if module is not None:
            for each in (module, *departures.running_elsewhere(node, module)):
                inside.setdefault(each, []).append(node)
    inside.pop(ROOT, None)
    levels: dict[int, list[ModulePath]] = {}
    for path in inside:
        levels.setdefault(path.depth, []).append(path)
    counting = _Counting(graph, modules, departures)
    children: dict[ModulePath, list[ModulePath]] = {}
    told: dict[ModulePath, dict[int, int]] = {}
    for depth in range(max(levels, default=0), 0, -1):  # innermost first
        for path in levels.get(depth, ()):
            nodes = sorted(set(inside[path]))
            if calls := counting.calls(
                path, nodes, [told.get(child, {}) for child in children.get(path, ())]
            ):
                told[path] = calls
            if depth > 1:
                parent = ModulePath(path.rpartition(".")[0])
                if parent not in inside:
                    inside[parent] = []
                    levels.setdefault(depth - 1, []).append(parent)
                inside[parent] += nodes
                children.setdefault(parent, []).append(path)
    counts = {path: max(calls.values()) + 1 for path, calls in told.items()}
    return {node: told[m][node] for node, m in enumerate(modules) if m in told}, counts


class _Counting:
    """Numbering of the calls of one module after another."""

    def __init__(
        self,
        graph: GraphIndex,
        modules: Sequence[ModulePath | None],
        departures: CallEnds,
    ) -> None:
        self.graph = graph
        self.tokens = _tokens(graph, modules)
        self.departures = departures
        self.stored = graph.stored_nodes

    def calls(self, path: ModulePath, nodes: list[int], parts: list[dict[int, int]]) -> dict[int, int]:
        """Return node -> call; {} for a single call.

        Args:
            path: the module.
            nodes: the nodes of the module and its submodules, ascending.
            parts: the results of this function for the children.
        """
        computing = [node for node in nodes if node not in self.stored]
        if len(computing) < 2:
            return {}
        found = self._repeated(nodes, computing)
        if found and _keeps_apart(found, nodes, _gaps(nodes, nodes)):
            return found
        cuts = self.departures.of(path, nodes)
        if not _keeps_apart(found, nodes, cuts) and parts and all(parts):
            found = _with_children(self.graph, nodes, parts)
        if not _keeps_apart(found, nodes, cuts):
            found = self._by_laps(nodes, cuts) if cuts else {}
        return found

    def _by_laps(self, nodes: list[int], cuts: Sequence[int]) -> dict[int, int]:
        """Return node -> call: one call between two departures, or several if nodes repeat evenly there."""
        calls: dict[int, int] = {}
        for start, stop in pairwise((0, *cuts, len(nodes))):
            lap, before = nodes[start:stop], max(calls.values(), default=-1) + 1
            computing = [node for node in lap if node not in self.stored]
            inner = self._repeated(lap, computing) if computing else {}
            calls.update((node, before + inner.get(node, 0)) for node in lap)
        return calls

    def _repeated(self, nodes: list[int], computing: list[int]) -> dict[int, int]:
        """Return node -> call for nodes that repeat evenly, with or without the nodes that calls share."""
        of_nodes = [self.tokens[node] for node in computing]
        if of_nodes.count(of_nodes[-1]) == 1:  # each call would end with this operator
            return {}
        found = self._by_repetition(nodes, computing)
        if not found:
            alone = {token for token, count in Counter(of_nodes).items() if count == 1}
            shared = shared_nodes(self.graph, computing, self.tokens, alone)
            kept = [node for node in computing if node not in shared]
            found = self._by_repetition(nodes, kept) if shared and kept else {}
        return self._with_shared(found, nodes)

    def _by_repetition(self, nodes: list[int], kept: list[int]) -> dict[int, int]:
        """Return node -> call for nodes that repeat evenly; {} for a single call.

        Args:
            nodes: all nodes of the module.
            kept: the nodes to compare.
        """
        starts = self._starts(kept, _gaps(nodes, kept))
        if len(starts) < 2:
            return {}
        calls = accumulate(position in starts for position in range(len(kept)))
        return {node: call - 1 for node, call in zip(kept, calls, strict=True)}

    def _starts(self, nodes: list[int], gaps: list[int]) -> set[int]:
        """Return the positions in `nodes` at which a call begins.

        Args:
            nodes: the nodes to compare.
            gaps: the positions that follow nodes of other modules.
        """
        of_nodes = [self.tokens[node] for node in nodes]
        period = _period(of_nodes)
        if period < len(nodes) and not any(gap % period for gap in gaps):
            if _reads_initializer(self.graph, nodes, period):
                return set(range(0, len(nodes), period))
            return set(range(0, len(nodes), gcd(len(nodes), *gaps))) if gaps else {0}
        if not gaps:
            return {0}
        runs = [slice(*ends) for ends in pairwise((0, *gaps, len(nodes)))]
        of_runs = [tuple(of_nodes[run]) for run in runs]
        return {run.start for run in runs[:: _period(of_runs)]}

    def _with_shared(self, calls: dict[int, int], nodes: list[int]) -> dict[int, int]:
        """Give every node without a call to the first call that reads its result; without one, to call 0."""
        if calls:
            for node in reversed(nodes):
                if node not in calls:
                    readers = (calls[reader] for reader in self.graph.successors(node) if reader in calls)
                    calls[node] = min(readers, default=0)
        return calls


def _gaps(nodes: list[int], kept: list[int]) -> list[int]:
    """Return the positions in `kept`, a part of `nodes`, that follow nodes of other modules."""
    if nodes[-1] - nodes[0] < len(nodes):
        return []
    at = {node: position for position, node in enumerate(nodes)}
    steps = enumerate(pairwise(kept), 1)
    return [position for position, (left, right) in steps if right - left != at[right] - at[left]]


def _keeps_apart(calls: dict[int, int], nodes: list[int], cuts: Sequence[int]) -> bool:
    """Whether there are calls, and the nodes next to each cut belong to different calls."""
    if not calls:
        return False
    laps = _laps(nodes, cuts)
    return all(laps[left] == laps[right] or calls[left] != calls[right] for left, right in pairwise(nodes))


def _laps(nodes: list[int], cuts: Sequence[int]) -> dict[int, int]:
    """Return node -> number of cuts up to it."""
    begins = set(cuts)
    return dict(zip(nodes, accumulate(position in begins for position in range(len(nodes))), strict=True))


def _with_children(graph: GraphIndex, nodes: list[int], parts: list[dict[int, int]]) -> dict[int, int]:
    """Return node -> call of a module whose nodes repeat unevenly, from the calls of its repeated children.

    The module has as many calls as its least called child. A node that reads a result of a call belongs to
    that call, unless a later call that has already begun reads the result of the node.
    """
    counts = [max(part.values()) + 1 for part in parts]
    least = min(counts)
    calls: dict[int, int] = {}
    for part, count in zip(parts, counts, strict=True):
        per_call = count // least
        calls.update((node, min(call // per_call, least - 1)) for node, call in part.items())
    begins = [min(node for node, call in calls.items() if call == wanted) for wanted in range(least)]
    for node in nodes:
        if node not in calls:
            after = max((calls[other] for other in graph.predecessors(node) if other in calls), default=0)
            before = min((calls[other] for other in graph.successors(node) if other in calls), default=after)
            calls[node] = before if before > after and node > begins[before] else after
    return calls


def _tokens(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> list[int]:
    """Return node -> a number for its operator and module."""
    known: dict[tuple[str, ModulePath | None], int] = {}
    kinds = zip(graph.operators, modules, strict=True)
    return [known.setdefault((operator, module), len(known)) for (_, operator), module in kinds]


def _period(items: Sequence[T]) -> int:
    """Return the length of the shortest block whose repetition gives `items` (Knuth, Morris, Pratt 1977)."""
    if items.count(items[0]) == 1:
        return len(items)
    border = [0] * len(items)
    for position in range(1, len(items)):
        length = border[position - 1]
        while length and items[position] != items[length]:
            length = border[length - 1]
        border[position] = length + (items[position] == items[length])
    period = len(items) - border[-1]
    return period if len(items) % period == 0 else len(items)


def _reads_initializer(graph: GraphIndex, nodes: list[int], period: int) -> bool:
    """Whether all blocks of `period` nodes read an initializer in common."""
    blocks = (nodes[start : start + period] for start in range(0, len(nodes), period))
    return bool(set.intersection(*(_initializers(graph, block) for block in blocks)))


def _initializers(graph: GraphIndex, nodes: Iterable[int]) -> set[int]:
    return {v for node in nodes for v in graph.reads[node] if v != NONE and v in graph.initializers}
