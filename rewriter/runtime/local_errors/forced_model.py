"""Cuts parts from a model in which given values are inputs: every reader gets a value from outside.

A part computes some of these values from others. So its results contain what the nodes between them do, and
nothing of what earlier nodes did. (Training of recurrent networks calls this teacher forcing.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

from rewriter.model.index.backward_slice import names_read
from rewriter.model.operator_set.determinism import draws_random
from rewriter.model.operator_set.operators import versions_of
from rewriter.runtime.inputs.input import Input

_COMPUTED = ". computed"
"""Suffix of the name of a value as the part computes it, beside the input of the original name."""


class ForcedModel:
    """Model whose values of some names are read from outside.

    Args:
        model: the model; its external weights stay in their files.
        forced: names of values of the main graph; those that no node computes are left out.
    """

    def __init__(self, model: ModelProto, forced: Iterable[str]) -> None:
        self.model = model
        graph = model.graph
        self._makers = {name: at for at, node in enumerate(graph.node) for name in node.output if name}
        self.forced = frozenset(name for name in forced if name in self._makers)
        self._read: dict[int, frozenset[str]] = {}
        taken = {*self._makers, *(tensor.name for tensor in graph.initializer)}
        self._suffix = _COMPUTED
        while any(f"{name}{self._suffix}" in taken for name in self.forced):
            self._suffix += "'"

    def reads(self, name: str) -> frozenset[str]:
        """Return the forced values that a forced value is computed from."""
        return frozenset(read for node in self._nodes([name]) for read in self._names(node)) & self.forced

    def draws(self, name: str) -> bool:
        """Whether a forced value depends on random numbers that are drawn behind the forced values."""
        opsets = versions_of(self.model.opset_import)
        nodes = (self.model.graph.node[number] for number in self._nodes([name]))
        return any(draws_random(node, opsets, frozenset()) for node in nodes)

    def part(self, names: Collection[str], types: Mapping[str, int]) -> tuple[ModelProto, tuple[Input, ...]]:
        """Return the part that computes forced values, and its inputs.

        Args:
            names: the values; the outputs of the part in this order.
            types: forced value -> its element type in onnx.
        """
        numbers = self._nodes(names)
        read = {name for number in numbers for name in self._names(number)}
        inputs = [name for name in sorted(read & self.forced) if name in types]
        part = _without_graph(self.model)
        source, graph = self.model.graph, part.graph
        graph.name = source.name or "part"
        graph.node.extend(self._renamed(source.node[number]) for number in numbers)
        graph.initializer.extend(each for each in source.initializer if each.name in read)
        graph.sparse_initializer.extend(e for e in source.sparse_initializer if e.values.name in read)
        graph.input.extend(info for info in source.input if info.name in read)
        graph.input.extend(helper.make_tensor_value_info(name, types[name], None) for name in inputs)
        graph.output.extend(helper.make_empty_tensor_value_info(f"{name}{self._suffix}") for name in names)
        return part, tuple(Input(name, types[name], None) for name in inputs)

    def _nodes(self, names: Iterable[str]) -> list[int]:
        """Return the nodes that compute values from the forced ones and the inputs, ascending."""
        found: set[int] = set()
        waiting = [self._makers[name] for name in names]
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                inner = self._names(number) - self.forced
                waiting.extend(self._makers[name] for name in inner if name in self._makers)
        return sorted(found)

    def _names(self, number: int) -> frozenset[str]:
        """Return the names that a node and its bodies read."""
        if number not in self._read:
            self._read[number] = frozenset(names_read([self.model.graph.node[number]]))
        return self._read[number]

    def _renamed(self, node: NodeProto) -> NodeProto:
        made = NodeProto()
        made.CopyFrom(node)
        for at, name in enumerate(node.output):
            if name in self.forced:
                made.output[at] = f"{name}{self._suffix}"
        return made


def _without_graph(model: ModelProto) -> ModelProto:
    made = ModelProto(ir_version=model.ir_version, producer_name=model.producer_name)
    made.opset_import.extend(model.opset_import)
    made.functions.extend(model.functions)
    return made


def element_type(dtype: np.dtype[Any]) -> int:
    """Return onnx's element type of a numpy type; 0 if onnx has none."""
    try:
        return int(helper.np_dtype_to_tensor_dtype(dtype))
    except (KeyError, ValueError):
        return int(TensorProto.UNDEFINED)
