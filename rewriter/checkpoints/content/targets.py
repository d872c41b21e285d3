"""The tensors of a model that a checkpoint may determine: initializers and `Constant` nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from onnx import GraphProto, NodeProto, SparseTensorProto, TensorProto

from rewriter.evidence.checkpoint.hashes import is_floating
from rewriter.evidence.parameters.tensor_roles import operands_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.tensors import Array, array_of, np_type
from rewriter.modules.analysis import Analysis


@dataclass(frozen=True, slots=True)
class TargetTensor:
    """A floating-point or quantised tensor of the model.

    Attributes:
        value: its number in the index of the model.
        name: its name, or that of the value that the `Constant` node writes.
        holder: the message with its content.
        fault: the reason why its content cannot be compared; '' for none.
    """

    value: int
    name: str
    holder: TensorProto | Array
    fault: str = ""

    def read(self, folder: Path | None) -> Array | None:
        """Return the content; None if it cannot be read.

        Args:
            folder: the folder of external data; None if unknown.
        """
        return array_of(self.holder, folder) if isinstance(self.holder, TensorProto) else self.holder


def targets_of(analysis: Analysis) -> list[TargetTensor]:
    """Return the tensors that may depend on a checkpoint, in the order of their values.

    These are all of floating-point types, and quantised ones. Other integers, booleans and strings are
    shapes, indices and masks: training does not change them. So are empty tensors.
    """
    graph = analysis.graph
    quantised = operands_of(graph).quantised
    found: list[TargetTensor] = []
    for value, holder in sorted(_holders(graph), key=lambda each: each[0]):
        name = graph.value_names[value]
        if isinstance(holder, SparseTensorProto):
            found.append(TargetTensor(value, name, holder.values, "it is sparse"))
        elif value in quantised:
            found.append(TargetTensor(value, name, holder, "it is quantised"))
        elif _is_float(holder):
            found.append(TargetTensor(value, name, holder))
    times = Counter(target.name for target in found)
    return [
        replace(target, fault=f"{times[target.name]} tensors of the file have this name")
        if times[target.name] > 1
        else target
        for target in found
    ]


def _is_float(holder: TensorProto | Array) -> bool:
    """Whether a tensor has elements of a floating-point type."""
    if isinstance(holder, np.ndarray):
        return bool(holder.size)
    element = np_type(holder.data_type)
    return element is not None and is_floating(element) and 0 not in holder.dims


def _holders(graph: GraphIndex) -> Iterator[tuple[int, TensorProto | SparseTensorProto | Array]]:
    yield from graph.initializers.items()
    for body in graph.bodies:
        if isinstance(body.proto, GraphProto):
            for sparse in body.proto.sparse_initializer:
                yield body.values[sparse.values.name], sparse
    for node, (_, operator) in enumerate(graph.operators):
        if operator == "Constant" and graph.writes[node] and graph.writes[node][0] != NONE:
            held = _constant(graph.nodes[node])
            if held is not None:
                yield graph.writes[node][0], held


def _constant(node: NodeProto) -> TensorProto | SparseTensorProto | Array | None:
    """Return the tensor that a `Constant` node holds; None for integers and strings in an attribute."""
    for attribute in node.attribute:
        if attribute.name == "value":
            return attribute.t
        if attribute.name == "sparse_value":
            return attribute.sparse_tensor
        if attribute.name == "value_float":
            return np.array(attribute.f, np.float32)
        if attribute.name == "value_floats":
            return np.array(attribute.floats, np.float32)
    return None
