"""Sizes in memory of the values of a main graph, from inferred shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path

from rewriter.cutting.main_graph import MainGraph
from rewriter.model.index.functions import called_by, identity_of
from rewriter.model.index.graph import NONE
from rewriter.model.storage.external_data import BITS_OF
from rewriter.runtime.infer.shapes import Shapes, demand_dimensions, infer_shapes

Form = tuple[tuple[int, ...], int]
"""Shape of a value, and the bits of one element. Values of equal form can use the same buffer."""


@dataclass(frozen=True)
class ValueSizes:
    """Sizes of the values of one main graph.

    Attributes:
        main: the main graph.
        shapes: the known types and shapes.
    """

    main: MainGraph
    shapes: Shapes

    def form(self, value: int) -> Form | None:
        """Return the form of a value; None if it is unknown, for example because it is no tensor."""
        stored = self.main.graph.initializers.get(value)
        if stored is not None:
            bits = BITS_OF.get(stored.data_type, 0)
            return (tuple(stored.dims), bits) if bits else None
        known = self.shapes.of.get(value)
        bits = BITS_OF.get(known.element, 0) if known else 0
        return (known.shape, bits) if known and known.shape is not None and bits else None

    def size(self, value: int) -> int:
        """Return the bytes of a value; 0 if they are unknown."""
        found = self.form(value)
        return -(-prod(found[0]) * found[1] // 8) if found else 0

    @cached_property
    def unknown(self) -> dict[int, str]:
        """Node of the main graph -> the reason why the prediction does not count all of its memory."""
        graph = self.main.graph
        owners = {body.owner for body in graph.bodies}
        functions = {identity_of(function) for function in self.main.model.functions}
        found: dict[int, str] = {}
        for node in self.main.nodes:
            operator = graph.operators[node][1]
            if node in owners:
                found[node] = f"the values inside of {operator} nodes are not counted"
            elif called_by(graph.nodes[node]) in functions:
                found[node] = "the values inside of functions are not counted; run 'rewriter flatten' first"
            elif any(value != NONE and self.form(value) is None for value in graph.writes[node]):
                found[node] = f"the size of an output of {operator} is unknown"
        return found

    @property
    def unknown_inputs(self) -> bool:
        """Whether the size of an input of the model is unknown."""
        main = self.main.graph.bodies[0]
        return any(self.form(main.values[info.name]) is None for info in self.main.model.graph.input)


def sizes_of(main: MainGraph, sizes: Mapping[str, int], path: Path | None) -> ValueSizes:
    """Infer the sizes of the values, in a child process.

    Args:
        main: the main graph.
        sizes: symbolic dimension -> size.
        path: the file of the model, for messages.

    Raises:
        UsageError: the model has no symbolic dimension of a given name.
    """
    demand_dimensions(main.model, sizes, path)
    return ValueSizes(main, infer_shapes(main.model, sizes))
