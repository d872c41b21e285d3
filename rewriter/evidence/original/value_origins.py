"""Finds the values that a value is computed from, among those whose names two files have in common."""

from __future__ import annotations

from collections.abc import Set

from rewriter.model.index.graph import NONE, GraphIndex

_WIDEST = 64
"""Maximum number of named values that a value is computed from; if there are more, the answer is None."""
_OTHER_INPUT = frozenset({""})
"""Stands for an input, of the model or of a body, without a common name."""


def values_made(graph: GraphIndex) -> dict[str, int]:
    """Return name of a value that a node computes -> the value, in file order, without `Constant` nodes."""
    found: dict[str, int] = {}
    for maker, outputs in enumerate(graph.writes):
        if graph.operators[maker][1] != "Constant":
            for value in outputs:
                if value != NONE and graph.value_names[value]:
                    found.setdefault(graph.value_names[value], value)
    return found


class Origins:
    """Nearest values with common names that a value is computed from, without weights and constants.

    Args:
        graph: the file.
        common: names of values that the other file has too.
    """

    def __init__(self, graph: GraphIndex, common: Set[str]) -> None:
        self._graph = graph
        self._common = common
        self._fixed = graph.constants | graph.initializers.keys()
        self._known: dict[int, frozenset[str] | None] = {}

    def of(self, value: int) -> frozenset[str] | None:
        """Return the common names of the origins of a value; None if there are too many, or a cycle."""
        pending = [value]
        while pending:
            last = pending[-1]
            nameless = self._nameless(last)
            missing = [] if last in self._known else [each for each in nameless if each not in self._known]
            if missing:
                self._known[last] = None  # a path back to the value itself is a cycle
                pending += missing
            else:
                self._known[last] = self._together(last, nameless)
                pending.pop()
        return self._known[value]

    def _together(self, value: int, nameless: list[int]) -> frozenset[str] | None:
        if self._graph.producer[value] == NONE:
            return _OTHER_INPUT
        names = self._graph.value_names
        found = {names[read] for read in self._reads(value)} & self._common
        for each in nameless:
            above = self._known[each]
            if above is None:
                return None
            found |= above
        return frozenset(found) if len(found) <= _WIDEST else None

    def _nameless(self, value: int) -> list[int]:
        """Return the values without a common name that the producer of a value reads."""
        names = self._graph.value_names
        return [read for read in self._reads(value) if names[read] not in self._common]

    def _reads(self, value: int) -> list[int]:
        maker = self._graph.producer[value]
        reads = self._graph.reads[maker] if maker != NONE else []
        return [read for read in reads if read != NONE and read not in self._fixed]
