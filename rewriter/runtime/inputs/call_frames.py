"""Follows values of a model through graph bodies and function calls; each call has its own frame."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto

from rewriter.model.index.functions import body_roots, calls_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.operators import canonical
from rewriter.model.tensors import array_of
from rewriter.runtime.inputs.input import Dim
from rewriter.runtime.inputs.signature import stated_values

_MOST_CONSTANT_ELEMENTS = 4096
BEFORE_STATE = 2
"""Number of inputs before the carried ones, in a Loop and in its body.

They are the maximum count and a condition in the Loop, and the iteration number and a condition in its body.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Main graph, or the body of a function for one of its calls.

    Attributes:
        body: number of the body in the `GraphIndex`.
        caller: frame of the call; None for the main graph.
        call: the node that calls the function; `NONE` for the main graph.
    """

    body: int = 0
    caller: Frame | None = None
    call: int = NONE


class FramePlace(NamedTuple):
    """Value of a frame, by its number in the `GraphIndex`."""

    frame: Frame
    value: int


class Frames:
    """Frames of a model: the main graph, and each call of a function."""

    def __init__(self, model: ModelProto) -> None:
        self.graph = GraphIndex(model)
        self.main = Frame()
        self.held: dict[int, list[int]] = defaultdict(list)
        """Node -> the bodies in its attributes."""
        self.inputs = [body.formals for body in self.graph.bodies]
        """Body -> its inputs."""
        self.calls = calls_of(self.graph)
        """Node -> the body of the function that it calls."""
        self._inner: dict[tuple[Frame, int], Frame] = {}
        for number, body in enumerate(self.graph.bodies):
            self.held[body.owner].append(number)

    def entered(self, frame: Frame, node: int) -> Frame | None:
        """Return the frame of a call; None if the node calls no function."""
        if (number := self.calls.get(node)) is None:
            return None
        return self._inner.setdefault((frame, node), Frame(number, frame, node))

    def nodes(self, frame: Frame) -> list[int]:
        """Return the nodes of a frame, including those in graph bodies."""
        return self._nodes[frame.body]

    def operator(self, node: int) -> str:
        """Return the operator of a node; empty if its domain is not that of ONNX."""
        domain, operator = self.graph.operators[node]
        return "" if canonical(domain) else operator

    def yielded(self, place: FramePlace) -> Iterator[FramePlace]:
        """Yield the outer values that a value becomes if it is a result of a graph body or function."""
        for number, position in self._results.get(place.value, ()):
            owner, frame = self.graph.bodies[number].owner, place.frame
            if owner != NONE:
                # A Loop's body has one more output than the node: the condition, which comes first.
                skipped = int(self.operator(owner) == "Loop")
                yield from self._output(frame, owner, position - skipped)
            elif frame.caller is not None:
                yield from self._output(frame.caller, frame.call, position)

    def received(self, place: FramePlace) -> Iterator[FramePlace]:
        """Yield the values that an input of a body or function receives, also from earlier iterations."""
        number, position = self._formals.get(place.value, (0, 0))
        body, frame = self.graph.bodies[number], place.frame
        if body.owner != NONE:
            # Input 0 of a Loop's body is the iteration number, which no value determines.
            first = int(self.operator(body.owner) == "Loop")
            given = self.graph.reads[body.owner]
            results = body.results if position < self._carried(number) else []
            for values, at in ((given, position), (results, position - first)):
                if position >= first and at < len(values) and values[at] != NONE:
                    yield FramePlace(frame, values[at])
        elif frame.caller is not None:
            given = self.graph.reads[frame.call]
            if position < len(given) and given[position] != NONE:
                yield FramePlace(frame.caller, given[position])

    def _carried(self, number: int) -> int:
        """Return how many inputs of a body, from the first on, an iteration passes on to the next."""
        body = self.graph.bodies[number]
        match self.operator(body.owner):
            case "Loop":
                return len(body.formals)
            case "Scan":
                attributes = self.graph.nodes[body.owner].attribute
                return len(body.formals) - sum(a.i for a in attributes if a.name == "num_scan_inputs")
        return 0

    def dims(self, value: int) -> tuple[Dim, ...] | None:
        """Return the shape that the file states for a value, or that of a constant; None if unknown."""
        if value in self._stated:
            return self._stated[value]
        tensor = self._constant(value)
        return None if tensor is None else tuple(tensor.dims)

    def number(self, value: int) -> float | None:
        """Return the largest element of a small constant stored inside the file; None for any other value."""
        tensor = self._constant(value)
        return None if tensor is None else _largest(tensor)

    def _constant(self, value: int) -> TensorProto | None:
        producer = self.graph.producer[value]
        if producer == NONE:
            return self.graph.initializers.get(value)
        return _tensor_of(self.graph.nodes[producer]) if self.operator(producer) == "Constant" else None

    def _output(self, frame: Frame, node: int, position: int) -> Iterator[FramePlace]:
        written = self.graph.writes[node]
        if 0 <= position < len(written) and written[position] != NONE:
            yield FramePlace(frame, written[position])

    @cached_property
    def _nodes(self) -> dict[int, list[int]]:
        """Body of the main graph or of a function -> its nodes, including those in graph bodies."""
        roots = body_roots(self.graph)
        found: dict[int, list[int]] = defaultdict(list)
        for node, number in enumerate(self.graph.body_of):
            found[roots[number]].append(node)
        return found

    @cached_property
    def _results(self) -> dict[int, list[tuple[int, int]]]:
        """Value -> the bodies that have it as a result, and its positions there."""
        found: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for number, body in enumerate(self.graph.bodies):
            for position, value in enumerate(body.results):
                found[value].append((number, position))
        return found

    @cached_property
    def _formals(self) -> dict[int, tuple[int, int]]:
        """Input of a body -> the number of the body, and the position of the input."""
        return {
            value: (number, position)
            for number, values in enumerate(self.inputs)
            for position, value in enumerate(values)
        }

    @cached_property
    def _stated(self) -> dict[int, tuple[Dim, ...]]:
        known = stated_values(self.graph, self.graph)
        return {value: each.dims for value, each in known.items() if each.dims is not None}


def _tensor_of(node: NodeProto) -> TensorProto | None:
    """Return the tensor of a Constant; None if it holds something else than a tensor or integers."""
    attribute = node.attribute[0] if node.attribute else onnx.AttributeProto()
    if attribute.HasField("t"):
        return attribute.t
    if attribute.name not in ("value_int", "value_ints"):
        return None
    numbers = list(attribute.ints) if attribute.name == "value_ints" else attribute.i
    return onnx.numpy_helper.from_array(np.array(numbers, dtype=np.int64))


def _largest(tensor: TensorProto) -> float | None:
    count = int(np.prod(tuple(tensor.dims), dtype=object))
    array = array_of(tensor, None) if 0 < count <= _MOST_CONSTANT_ELEMENTS else None
    return None if array is None else float(np.max(array.astype(np.float64)))
