"""Follows an operand into the function that a node calls, or into the body of a Loop or Scan."""

from __future__ import annotations

from rewriter.model.index.functions import calls_of
from rewriter.model.index.graph import NONE, Body, GraphIndex

_LOOPS = frozenset({"Loop", "Scan"})
"""Operators with one body. The inputs of the operator become those of the body, in the same order."""
_LONGEST = 8
"""Maximum number of consecutive Identity nodes between the input and the result of a body."""


class EnteredBodies:
    """The functions and bodies that take the operands of nodes."""

    def __init__(self, graph: GraphIndex) -> None:
        self._graph = graph
        self._calls = calls_of(graph)
        self._loops = {
            body.owner: body
            for body in graph.bodies
            if body.owner != NONE and graph.operators[body.owner][1] in _LOOPS
        }

    def inner(self, node: int, place: int) -> list[int] | None:
        """Return the value inside that is always the operand: [] without one; None if the node has no body.

        Other inputs of a Loop or Scan only have the value of the operand in the first iteration.
        """
        if (called := self._calls.get(node, NONE)) != NONE:
            return self._graph.bodies[called].formals[place : place + 1]
        if (body := self._loops.get(node)) is None:
            return None
        formals = body.formals
        return formals[place : place + 1] if self._stays(node, body, formals, place) else []

    def _stays(self, node: int, body: Body, formals: list[int], place: int) -> bool:
        """Whether an input has the same value in every iteration, or a slice of the operand.

        A Scan cuts its last inputs into slices. The first input of the body of a Loop is a counter, so the
        body returns its inputs one place earlier.
        """
        if self._graph.operators[node][1] == "Loop":
            return 0 < place < len(formals) and self._gives(body, place - 1, formals[place])
        sliced = (a.i for a in self._graph.nodes[node].attribute if a.name == "num_scan_inputs")
        return place >= len(formals) - next(sliced, 0) or self._gives(body, place, formals[place])

    def _gives(self, body: Body, at: int, value: int) -> bool:
        """Whether a result of a body is an input of the body, unchanged."""
        result = body.results[at] if at < len(body.results) else NONE
        for _ in range(_LONGEST):
            maker = self._graph.producer[result] if result not in (NONE, value) else NONE
            if maker == NONE or self._graph.operators[maker][1] != "Identity":
                break
            result = next(iter(self._graph.reads[maker]), NONE)
        return result == value
