"""Finds the call of an outer module in which a call of an inner module was made."""

from __future__ import annotations

from typing import NamedTuple

from rewriter.evidence.claims import Source
from rewriter.evidence.graph.call_bodies import CallBodies
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.module_tree import ModuleTree
from rewriter.paths import ModulePath


class Callers:
    """Index of the calls of outer modules in which calls of inner modules were made.

    Args:
        graph: the model.
        tree: its modules and placements.
    """

    def __init__(self, graph: GraphIndex, tree: ModuleTree) -> None:
        modules = [place.module if place else None for place in tree.placements]
        calls = [place.call if place else 0 for place in tree.placements]
        self._tree = tree
        guessed = {n for n, place in enumerate(tree.placements) if place and place.source == Source.DATAFLOW}
        self._bodies = CallBodies(graph, modules, calls, guessed)
        self._several = self._bodies.several
        self._known: dict[tuple[ModulePath, ModulePath], dict[int, _Place]] = {}

    def of(self, path: ModulePath, call: int, above: ModulePath) -> int:
        """Return the call of `above` in which a call of `path`, a module below, was made.

        If the calls of `above` are in several bodies, only those in the body around the call count.
        `scaled` picks one of these, or one of all calls if bodies show nothing.
        """
        theirs = self._several.get(above)
        if theirs is None:
            return scaled(call, self._tree[path].calls, self._tree[above].calls)
        place = self._places(path, above).get(call)
        if place is None or place.body not in theirs:
            return scaled(call, self._tree[path].calls, self._tree[above].calls)
        there = theirs[place.body]
        return there[scaled(place.number, place.of, len(there))]

    def _places(self, path: ModulePath, above: ModulePath) -> dict[int, _Place]:
        """Map each call of `path` to the body that holds the call of `above` around it."""
        if (known := self._known.get((path, above))) is None:
            within: dict[int, list[int]] = {}
            for body, calls in self._bodies.numbers[path].items():
                within.setdefault(self._bodies.climb(body, above), []).extend(calls)
            known = self._known[path, above] = {
                call: _Place(body, number, len(calls))
                for body, calls in within.items()
                for number, call in enumerate(sorted(calls))
            }
        return known


class _Place(NamedTuple):
    """Position of a call among the calls of its module in a body: number `number` `of` so many."""

    body: int
    number: int
    of: int


def scaled(call: int, calls: int, callers: int) -> int:
    """Return the caller's call that contains call `call` of `calls`, if all contain equally many.

    If the calls cannot be divided equally, return the caller's call of the same number, at most the last.
    """
    if callers <= 1:
        return 0
    if calls >= callers and calls % callers == 0:
        return min(call // (calls // callers), callers - 1)
    return min(call, callers - 1)
