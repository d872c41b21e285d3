"""Orders values of a model by the moment at which a run computes them, also in iterations of graph bodies."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Protocol

from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.runtime.recording.body_names import bodies_around, value_keys
from rewriter.runtime.recording.steps import Step

Moment = tuple[float, ...]
"""Node of the main graph, then for each body around the value: the iteration and the node in the body."""
NEVER: Moment = (inf,)


class ValueOrder(Protocol):
    """Moments of the values of a run, by key."""

    def moment(self, key: str, step: Step) -> Moment:
        """Return the moment at which the value of a key is computed in a step."""


class RecordedOrder:
    """Moments of values in the order in which a run recorded them."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._places = {key: place for place, key in enumerate(keys)}

    def moment(self, key: str, step: Step) -> Moment:
        """Return the place of a value; there is one step."""
        return (self._places[key],)


class ExecutionOrder:
    """Moments of the values of a model.

    A node comes after the iterations of its own bodies, and an input of a body before the nodes of the body.
    """

    def __init__(self, graph: GraphIndex) -> None:
        self.graph = graph
        self.values = {key: value for value, key in value_keys(graph).items()}
        self.body_of = {
            value: number for number, body in enumerate(graph.bodies) for value in body.values.values()
        }
        self.owners = {body.owner for body in graph.bodies}

    def moment(self, key: str, step: Step) -> Moment:
        """Return the moment at which the value of a key is computed in a step."""
        value = self.values[key]
        iterations = iter(step[1:])
        found: list[float] = []
        for body in bodies_around(self.graph, self.body_of[value]):
            owner = self.graph.bodies[body].owner
            branch = self.graph.nodes[owner].op_type == "If"
            found += [owner, 0 if branch else next(iterations, 0)]
        node = self.graph.producer[value]
        return (*found, node, inf) if node in self.owners and node != NONE else (*found, node)
