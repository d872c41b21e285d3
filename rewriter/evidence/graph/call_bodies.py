"""Finds the graph body (of If, Loop or Scan) that contains a call.

For the modules that hold the node with the body, the nodes in the body are part of the same call as that
node. For all other modules, no call spans two bodies, and the body has calls of its own: a module with nodes
in both branches of an `If` of its caller is called once in each branch. Functions count as parts of
the main graph.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import cached_property

from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ROOT, ModulePath


class CallBodies:
    """Bodies that contain the calls of every module.

    Args:
        graph: the model.
        modules: node -> its module, None for unplaced nodes.
        calls: node -> call of its module.
        guessed: nodes that dataflow alone placed; they show the body of a call only if no other node does.
    """

    def __init__(
        self,
        graph: GraphIndex,
        modules: Sequence[ModulePath | None],
        calls: Sequence[int],
        guessed: Set[int] = frozenset(),
    ) -> None:
        self._graph = graph
        self._modules = modules
        self._calls = calls
        self._guessed = guessed
        self._climbed: dict[tuple[int, ModulePath], int] = {}

    @cached_property
    def any(self) -> bool:
        """Whether a graph body contains a node with a module."""
        owned = {number for number, body in enumerate(self._graph.bodies) if body.owner != NONE}
        placed = zip(self._graph.body_of, self._modules, strict=True) if owned else ()
        return any(body in owned and module is not None for body, module in placed)

    @property
    def several(self) -> dict[ModulePath, dict[int, list[int]]]:
        """The entries of `numbers` for modules with calls in several bodies; {} if `any` is false."""
        numbers = self.numbers if self.any else {}
        return {path: bodies for path, bodies in numbers.items() if len(bodies) > 1}

    @cached_property
    def numbers(self) -> dict[ModulePath, dict[int, list[int]]]:
        """Module -> body -> the calls of the module in the body.

        A module without own nodes in a body has as many calls there as its least called child.
        """
        own, below = self._own, self._below
        found: dict[ModulePath, dict[int, list[int]]] = {}
        for path in sorted(below, key=lambda each: -each.depth):
            numbers = dict(own.get(path, {}))
            following = max((call for calls in numbers.values() for call in calls), default=-1) + 1
            for body, children in below[path].items():
                if body not in numbers:
                    counts = (self._count(found, child, path, body) for child in children)
                    count = min((each for each in counts if each), default=1)
                    numbers[body] = list(range(following, following + count))
                    following += count
            found[path] = numbers
        return found

    def split(self) -> list[int]:
        """Return node -> call; if a call spans bodies, the calls of its module are split and renumbered."""
        calls = list(self._calls)
        for nodes in self._owned.values() if self.any else ():
            pairs = {node: (self._body(node), calls[node]) for node in self._computing(nodes)}
            told = dict.fromkeys(pairs.values())
            if len(told) > len({call for _, call in told}):
                numbers = {pair: number for number, pair in enumerate(told)}
                first = {call: numbers[pair] for pair in reversed(told) for call in (pair[1],)}
                there = {body: numbers[body, call] for body, call in reversed(told)}
                done: set[int] = set()
                for node in reversed(nodes):
                    readers = [calls[each] for each in self._graph.successors(node) if each in done]
                    if node in pairs:
                        calls[node] = numbers[pairs[node]]
                    else:
                        alone = there.get(self._body(node), first.get(calls[node], 0))
                        calls[node] = min(readers, default=alone)
                    done.add(node)
        return calls

    def climb(self, body: int, module: ModulePath) -> int:
        """Return the body that contains the whole call of `module` to which the nodes in `body` belong.

        For a function, that is the main graph.
        """
        found = self._climbed.get((body, module))
        if found is None:
            found, owner = body, self._graph.bodies[body].owner
            if owner != NONE and self._holds(module, owner):
                found = self.climb(self._graph.body_of[owner], module)
            elif self._graph.bodies[body].function is not None:
                found = 0
            self._climbed[body, module] = found
        return found

    @cached_property
    def _owned(self) -> dict[ModulePath, list[int]]:
        owned: dict[ModulePath, list[int]] = {}
        for node, module in enumerate(self._modules):
            if module:
                owned.setdefault(module, []).append(node)
        return owned

    @cached_property
    def _own(self) -> dict[ModulePath, dict[int, list[int]]]:
        """Module -> body -> the calls that own nodes of the module show in the body."""
        found: dict[ModulePath, dict[int, list[int]]] = {}
        for module, nodes in self._owned.items():
            bodies: dict[int, set[int]] = {}
            for node in self._computing(nodes):
                bodies.setdefault(self._body(node), set()).add(self._calls[node])
            found[module] = {body: sorted(calls) for body, calls in bodies.items()}
        return found

    @cached_property
    def _below(self) -> dict[ModulePath, dict[int, dict[ModulePath, None]]]:
        """Module -> body -> its children with nodes there, in file order."""
        found: dict[ModulePath, dict[int, dict[ModulePath, None]]] = {}
        for module, bodies in self._own.items():
            child, above = None, module
            while above != ROOT:
                for body in bodies:
                    children = found.setdefault(above, {}).setdefault(self.climb(body, above), {})
                    children.update({} if child is None else {child: None})
                child, above = above, above.parent or ROOT
        return found

    def _count(
        self, found: dict[ModulePath, dict[int, list[int]]], child: ModulePath, path: ModulePath, body: int
    ) -> int:
        """Return how often `child` is called in the calls of `path` that `body` contains."""
        return sum(len(calls) for inner, calls in found[child].items() if self.climb(inner, path) == body)

    def _body(self, node: int) -> int:
        return self.climb(self._graph.body_of[node], self._modules[node] or ROOT)

    def _computing(self, nodes: list[int]) -> list[int]:
        """Return the nodes that show the bodies of calls: no constants and no guesses, if others are left."""
        sure = [node for node in nodes if node not in self._guessed] or nodes
        return [node for node in sure if not self._graph.is_stored(node)] or sure

    def _holds(self, module: ModulePath, owner: int) -> bool:
        """Whether a node with bodies is part of a module.

        An unplaced node counts as part of the module if nodes of the module feed its bodies and read its
        results.
        """
        if (place := self._modules[owner]) is not None:
            return module.holds(place)
        graph = self._graph
        if not any(self._is_in(module, reader) for reader in graph.successors(owner)):
            return False
        feeding = {other for node in self._inside[owner] for other in graph.predecessors(node)}
        return any(
            self._is_in(module, other) for other in feeding if graph.body_of[other] == graph.body_of[owner]
        )

    def _is_in(self, module: ModulePath, node: int) -> bool:
        place = self._modules[node]
        return place is not None and module.holds(place)

    @cached_property
    def _inside(self) -> dict[int, list[int]]:
        """Node with bodies -> itself and the nodes in them, at any depth."""
        inside = {body.owner: [body.owner] for body in self._graph.bodies if body.owner != NONE}
        for node in range(len(self._modules)):
            for owner in self._graph.enclosing(node):
                inside[owner].append(node)
        return inside
