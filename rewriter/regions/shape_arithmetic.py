"""Small constants and shape arithmetic: nodes that can be duplicated at hardly any cost.

Their values depend on shapes and constants alone and have few elements, whatever the size of the input. The
number of elements is bounded operator by operator, without shape inference. A mask or a table of positions
grows with the input, so it is not small.
"""

from __future__ import annotations

from math import prod

import numpy as np
from onnx import AttributeProto, NodeProto, TensorProto, numpy_helper

from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.operators import canonical

MOST_ELEMENTS = 64
"""Maximum elements of a small value; at 8 bytes each, that is half a kilobyte."""

_MOST_LEAVES = 4
"""Maximum number of leaves of a small value."""
_RANK = 8
"""Assumed maximum rank, so the maximum number of elements of a shape."""
_OF_FIRST = frozenset(
    {"Abs", "Cast", "Ceil", "Exp", "Floor", "Identity", "Log", "Neg", "Not", "Reciprocal", "ReduceMax"}
    | {"ReduceMin", "ReduceProd", "ReduceSum", "Reshape", "Round", "Slice", "Sqrt", "Squeeze", "Unsqueeze"}
)
"""Operators whose result has no more elements than their first input."""
_OF_ALL = frozenset(
    {"Add", "And", "Div", "Equal", "Gather", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max"}
    | {"Min", "Mod", "Mul", "Or", "Pow", "Sub", "Where", "Xor"}
)
"""Operators whose result has no more elements than their largest input if all inputs are rows.

The result of other inputs may have as many elements as the product of their sizes: (32, 1) + (1, 32).
"""
_NEW_RANK = frozenset({"ConstantOfShape", "Reshape", "Unsqueeze"})
"""Operators whose result may be no row, though their inputs are rows."""


class Arithmetic:
    """Small values of a model.

    Attributes:
        leaves: node with small results -> the values, neither small nor initializers, on whose shapes the
            results depend.
    """

    def __init__(self, graph: GraphIndex, owned: frozenset[int]) -> None:
        """Find the small values.

        Args:
            graph: the model.
            owned: initializers that are parameters of a module. They are not small, since their readers
                belong to that module.
        """
        self._graph = graph
        self._sizes: dict[int, int] = {}
        self._rows: set[int] = set()  # small values of which at most the last dimension is not 1
        self.leaves: dict[int, frozenset[int]] = {}
        for value, tensor in graph.initializers.items():
            if value not in owned and (size := _elements(tensor)) <= MOST_ELEMENTS:
                self._sizes[value] = size
                if _is_row(tensor):
                    self._rows.add(value)
        for node, (domain, op_type) in enumerate(graph.operators):
            if graph.body_of[node] == 0 and not canonical(domain):
                self._look_at(node, op_type)

    def small(self, value: int) -> bool:
        """Whether a value is known to have few elements, and to depend on shapes and constants alone."""
        return value in self._sizes

    def _look_at(self, node: int, op_type: str) -> None:
        reads = [value for value in self._graph.reads[node] if value != NONE]
        size = self._size(node, op_type, reads)
        if size is None or size > MOST_ELEMENTS:
            return
        leaves = frozenset[int]().union(*map(self._leaves_of, reads))
        if len(leaves) <= _MOST_LEAVES:
            self.leaves[node] = leaves
            for value in self._graph.writes[node]:
                self._sizes[value] = size
                if self._gives_row(node, op_type, reads):
                    self._rows.add(value)

    def _gives_row(self, node: int, op_type: str, reads: list[int]) -> bool:
        """Whether the results of a node with small results are rows."""
        if op_type == "Constant":
            return all(
                a.type != AttributeProto.TENSOR or _is_row(a.t) for a in self._graph.nodes[node].attribute
            )
        if op_type in _NEW_RANK:
            # The rank is the number of elements of the shape; a dimension of size 1 can go anywhere.
            source = reads[-1] if op_type != "Unsqueeze" else reads[0]
            return self._sizes[source] <= 1
        return op_type in ("Shape", "Size") or self._rows.issuperset(reads)

    def _size(self, node: int, op_type: str, reads: list[int]) -> int | None:
        """Return a bound on the number of elements of the results; None if they are not known to be small."""
        if op_type == "Constant":
            return _constant_size(self._graph.nodes[node])
        if op_type in ("Shape", "Size"):
            return _RANK
        if not reads or not all(map(self.small, reads)):
            return None
        if op_type == "ConstantOfShape":
            return self._filled(reads[0])
        return self._bound(op_type, reads)

    def _bound(self, op_type: str, reads: list[int]) -> int | None:
        """Return a bound for an operator by the sizes of its inputs, all small; None for other operators."""
        sizes = [self._sizes[value] for value in reads]
        if op_type in _OF_FIRST:
            return sizes[0]
        if op_type in _OF_ALL:
            return max(sizes) if self._rows.issuperset(reads) else prod(max(size, 1) for size in sizes)
        return sum(sizes) if op_type == "Concat" else None

    def _filled(self, shape: int) -> int | None:
        """Return a bound on the number of elements of a tensor of this shape; None if there is no bound.

        There is one for a constant stored inside the model, and for the shape of a small value.
        """
        producer = self._graph.producer[shape]
        if producer == NONE:
            tensor = self._graph.initializers.get(shape)
        else:
            proto = self._graph.nodes[producer]
            whole = proto.op_type == "Shape" and not proto.attribute  # `start` may leave out a dimension of 0
            if whole and (reads := self._graph.reads[producer]) and self.small(reads[0]):
                return self._sizes[reads[0]]
            constants = proto.attribute if proto.op_type == "Constant" else ()
            tensor = next((a.t for a in constants if a.name == "value"), None)
        if tensor is None or tensor.data_location == TensorProto.EXTERNAL:
            return None
        try:
            return int(np.prod(numpy_helper.to_array(tensor), dtype=object))
        except (TypeError, ValueError):  # content and type contradict each other; other checks report it
            return None

    def _leaves_of(self, value: int) -> frozenset[int]:
        if value in self._graph.initializers:
            return frozenset()
        producer = self._graph.producer[value]
        if producer != NONE and producer in self.leaves:
            return self.leaves[producer]
        return frozenset([value])


def _is_row(tensor: TensorProto) -> bool:
    return all(size == 1 for size in tensor.dims[:-1])


def _elements(tensor: TensorProto) -> int:
    return prod(tensor.dims)


def _constant_size(proto: NodeProto) -> int | None:
    if len(proto.attribute) != 1:
        return None
    attribute = proto.attribute[0]
    match attribute.type:
        case AttributeProto.TENSOR:
            return _elements(attribute.t)
        case AttributeProto.INT | AttributeProto.FLOAT:
            return 1
        case AttributeProto.INTS:
            return len(attribute.ints)
        case AttributeProto.FLOATS:
            return len(attribute.floats)
    return None
