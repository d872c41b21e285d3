"""Decides the role of each stored tensor from its type, its shape and the operators that read it.

A tensor is followed into functions, into bodies of Loop and Scan, and through nodes that only move its
elements or change their type, up to the nodes that compute with it. Tables list the operands of an operator
that are weights, running statistics, or the scale and zero point of a weight. `Add`, `Mul` and the like
(`_ELEMENTWISE`) take weights as well as plain numbers: a floating-point or quantised operand of these counts
as a weight if it is a vector, not counting dimensions of size 1. For an operator of another domain than
ONNX's that the tables do not list, all floating-point or quantised operands of several elements count as
weights, except tables and masks (`_PLAIN_INPUTS`). Any other operand is a constant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod

from onnx import NodeProto, TensorProto

from rewriter.evidence.parameters.entered_bodies import EnteredBodies
from rewriter.evidence.parameters.stored_tensors import Stored, stored_tensors
from rewriter.evidence.roles import Role
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.index.index_cache import once_per_index


@dataclass(frozen=True, slots=True)
class Operands:
    """The tensors that a file stores, and their roles.

    Attributes:
        stored: value -> the tensor; an input of the graph that is a weight has a size of 0 bytes.
        roles: value -> its role, decided without its name.
        helpers: scale, zero point or group index of a quantised tensor -> that tensor.
        quantised: the tensors that have such a helper.
        packed: packed weight -> number of its elements before packing.
    """

    stored: Mapping[int, Stored]
    roles: Mapping[int, Role]
    helpers: Mapping[int, int]
    quantised: frozenset[int]
    packed: Mapping[int, int]


_WEIGHTS: dict[str, tuple[int, ...]] = {
    "Conv": (1, 2),
    "FusedConv": (1, 2),
    "ConvTranspose": (1, 2),
    "DeformConv": (1, 3),
    "ConvInteger": (1,),
    "QLinearConv": (3, 8),
    "Gemm": (0, 1, 2),
    "FusedGemm": (0, 1, 2),
    "QGemm": (3, 6),
    "MatMul": (0, 1),
    "FusedMatMul": (0, 1),
    "MatMulInteger": (0, 1),
    "QLinearMatMul": (0, 3),
    "DynamicQuantizeMatMul": (1, 4),
    "MatMulIntegerToFloat": (1, 6),
    "MatMulNBits": (1, 5),
    "MatMulBnb4": (1,),
    "GatherBlockQuantized": (0,),
    "QAttention": (1, 2),
    "Einsum": (0, 1, 2, 3),
    "Gather": (0,),
    "LSTM": (1, 2, 3, 7),
    "DynamicQuantizeLSTM": (1, 2, 3, 7),
    "GRU": (1, 2, 3),
    "RNN": (1, 2, 3),
    "BatchNormalization": (1, 2),
    "InstanceNormalization": (1, 2),
    "LayerNormalization": (1, 2),
    "GroupNormalization": (1, 2),
    "GroupNorm": (1, 2),
    "RMSNormalization": (1,),
    "SimplifiedLayerNormalization": (1,),
    "PRelu": (1,),
}
"""Operator -> the operands that may be weights or biases."""

_STATISTICS: dict[str, tuple[int, ...]] = {"BatchNormalization": (3, 4)}
_ELEMENTWISE = frozenset({"Add", "Mul", "Sum", "QLinearAdd", "QLinearMul"})

_HELPERS: dict[str, dict[int, tuple[int, ...]]] = {
    "DequantizeLinear": {0: (1, 2)},
    "QuantizeLinear": {0: (1, 2)},
    "ConvInteger": {1: (3,)},
    "QLinearConv": {3: (4, 5)},
    "QGemm": {3: (4, 5)},
    "MatMulInteger": {0: (2,), 1: (3,)},
    "QLinearMatMul": {0: (1, 2), 3: (4, 5)},
    "DynamicQuantizeMatMul": {1: (2, 3)},
    "MatMulIntegerToFloat": {1: (3, 5)},
    "MatMulNBits": {1: (2, 3, 4)},
    "MatMulBnb4": {1: (2,)},
    "GatherBlockQuantized": {0: (2, 3)},
    "QLinearAdd": {0: (1, 2), 3: (4, 5)},
    "QLinearMul": {0: (1, 2), 3: (4, 5)},
    "QAttention": {1: (4, 7)},
    "DynamicQuantizeLSTM": {1: (8, 9), 2: (10, 11)},
}
"""Operator -> quantised operand -> the operands with its scale, zero point or group index."""

_PLAIN_INPUTS: dict[str, tuple[int, ...]] = {
    "RotaryEmbedding": (1, 2, 3),
    "GroupQueryAttention": (7, 8),
    "MultiHeadAttention": (4, 5),
    "QAttention": (3, 5, 6),
}
"""Fused operator -> the operands that are tables, masks or scales, not weights."""

_MOVERS = frozenset(
    {
        *("Identity", "Cast", "CastLike", "Transpose", "Reshape", "Unsqueeze", "Squeeze", "Flatten"),
        *("Slice", "Split", "Expand", "DequantizeLinear", "QuantizeLinear"),
    }
)
"""Operators that move the elements of their first operand, or store them in another type."""

_KNOWN_DOMAINS = frozenset({"", "ai.onnx"})
_DEEPEST = 8
"""Maximum number of consecutive movers and calls through which a tensor is followed."""

_INTEGERS = frozenset({"INT64", "UINT64", "BOOL", "STRING", "UNDEFINED", "COMPLEX64", "COMPLEX128"})
_QUANTISED_ROWS = frozenset({TensorProto.INT8, TensorProto.UINT8, TensorProto.INT4, TensorProto.UINT4})
_NEVER_WEIGHTS = frozenset(TensorProto.DataType.Value(name) for name in _INTEGERS)

QUANTISED = ("_quantized", "_Q4", "_Q8", "_Q2", "_Bnb4")
HELPING = ("_scale", "_scales", "_zero_point", "_zero_points", "_absmax")
"""Endings that tools put after the name of a tensor to name its scale or zero point after quantisation."""


@once_per_index
def operands_of(graph: GraphIndex) -> Operands:
    """Return the stored tensors of a model and their roles."""
    stored = stored_tensors(graph)
    reader = _OperandReader(graph, stored)
    helpers = reader.helpers()
    roles = {
        value: Role.CONSTANT if value in helpers else reader.role(value, tensor)
        for value, tensor in stored.items()
    }
    _by_name(graph, roles, helpers)
    return Operands(stored, roles, helpers, frozenset(helpers.values()), reader.packed())


def with_inputs(graph: GraphIndex, operands: Operands, inputs: Mapping[int, Stored]) -> Operands:
    """Add inputs of the graph that are weights to the operands; the file does not store their elements."""
    stored = {**operands.stored, **inputs}
    reader = _OperandReader(graph, stored)
    roles = {value: reader.role(value, tensor) for value, tensor in inputs.items()}
    return replace(operands, stored=stored, roles={**operands.roles, **roles})


def _by_name(graph: GraphIndex, roles: Mapping[int, Role], helpers: dict[int, int]) -> None:
    """Add to `helpers` the scales and zero points that only names show: `x_scale` of weight `x_quantized`."""
    weights: dict[str, int] = {}
    for value, role in roles.items():
        name = graph.value_names[value]
        if role is Role.PARAMETER and isinstance(name, str):
            for ending in QUANTISED:
                if name.endswith(ending):
                    weights[name.removesuffix(ending)] = value
    for value in roles if weights else ():
        name = graph.value_names[value]
        for ending in HELPING if isinstance(name, str) and value not in helpers else ():
            if name.endswith(ending) and (weight := weights.get(name.removesuffix(ending))) is not None:
                helpers[value] = weight


class _OperandReader:
    def __init__(self, graph: GraphIndex, stored: Mapping[int, Stored]) -> None:
        self.graph = graph
        self.stored = stored
        self.entered = EnteredBodies(graph)

    def role(self, value: int, tensor: Stored) -> Role:
        """Return the role of a tensor."""
        if tensor.data_type in _NEVER_WEIGHTS or not self.graph.readers[value]:
            return Role.CONSTANT
        if tensor.elements <= 1:
            operators = {self.graph.operators[node][1] for node in self.graph.readers[value]}
            if operators.isdisjoint(_STATISTICS) and operators.isdisjoint(_SCALAR_WEIGHTS):
                return Role.CONSTANT
        found = Role.CONSTANT
        for node, place, quantised in self._uses(value):
            role = self._of_use(node, place, tensor, quantised=quantised)
            if role is Role.PARAMETER:
                return role
            found = role if role is Role.BUFFER else found
        return found

    def helpers(self) -> dict[int, int]:
        """Return scale, zero point or group index -> the quantised tensor read by the same node."""
        found: dict[int, int] = {}
        for node, (_, operator) in enumerate(self.graph.operators):
            for place, helping in _HELPERS.get(operator, {}).items():
                read = self.graph.reads[node]
                if place >= len(read) or (weight := self._origin(read[place])) == NONE:
                    continue
                for helper in (read[at] for at in helping if at < len(read)):
                    if (origin := self._origin(helper)) not in (NONE, weight):
                        found.setdefault(origin, weight)
        return found

    def packed(self) -> dict[int, int]:
        """Return packed weight -> number of its elements before packing, by the attributes of its reader."""
        found: dict[int, int] = {}
        for node, (_, operator) in enumerate(self.graph.operators):
            if operator in ("MatMulNBits", "MatMulBnb4", "GatherBlockQuantized"):
                place = _WEIGHTS[operator][0]
                read = self.graph.reads[node]
                weight = self._origin(read[place]) if place < len(read) else NONE
                if weight != NONE:
                    found[weight] = _unpacked(self.graph.nodes[node], self.stored[weight])
        return found

    def _origin(self, value: int) -> int:
        """Return the stored tensor from which at most `_DEEPEST` movers make a value; NONE without one."""
        for _ in range(_DEEPEST + 1):
            if value == NONE or value in self.stored:
                return value
            node = self.graph.producer[value]
            if node == NONE or self.graph.operators[node][1] not in _MOVERS or not self.graph.reads[node]:
                return NONE
            value = self.graph.reads[node][0]
        return NONE

    def _uses(self, value: int) -> Iterator[tuple[int, int, bool]]:
        """Yield the uses of a tensor: a node that computes with it, the position of the operand, and a flag.

        The flag is true if a QuantizeLinear or DequantizeLinear lies on the way to the node. A mover or call
        at which the search ends (`_DEEPEST`) is yielded too.
        """
        pending = [(value, 0, False)]
        seen = {value}
        while pending:
            current, depth, quantised = pending.pop()
            for node in self.graph.readers[current]:
                operator = self.graph.operators[node]
                for place, read in enumerate(self.graph.reads[node]):
                    if read != current:
                        continue
                    further = self._further(node, place, operator)
                    if further is None or depth >= _DEEPEST:
                        yield node, place, quantised
                        continue
                    new = {other for other in further if other not in seen and other != NONE}
                    seen |= new
                    changed = quantised or operator[1] in ("DequantizeLinear", "QuantizeLinear")
                    pending += [(other, depth + 1, changed) for other in sorted(new)]

    def _further(self, node: int, place: int, operator: tuple[str, str]) -> list[int] | None:
        """Return the values to which a node moves the elements; None if it is no mover of this operand."""
        if (inner := self.entered.inner(node, place)) is not None:
            return inner
        if operator[1] in _MOVERS and place == 0:
            return self.graph.writes[node]
        return None

    def _of_use(self, node: int, place: int, tensor: Stored, *, quantised: bool) -> Role:
        domain, operator = self.graph.operators[node]
        if place in _STATISTICS.get(operator, ()):
            return Role.BUFFER
        counts = tensor.is_float or quantised or operator in _HELPERS
        if operator == "Gather":
            counts = counts or (tensor.data_type in _QUANTISED_ROWS and len(tensor.dims) > 1)
        if operator == "InstanceNormalization" and self._is_of_groups(node):
            return Role.CONSTANT
        if operator in _WEIGHTS:
            is_weight = counts and place in _WEIGHTS[operator]
        elif operator in _ELEMENTWISE:
            is_weight = counts and _is_vector(tensor.dims)
        else:
            free = domain not in _KNOWN_DOMAINS and place not in _PLAIN_INPUTS.get(operator, ())
            is_weight = free and counts and tensor.elements > 1
        return Role.PARAMETER if is_weight else Role.CONSTANT

    def _is_of_groups(self, node: int) -> bool:
        """Whether an InstanceNormalization is part of a group norm: it reads the result of a Reshape.

        Its scale and bias are then ones and zeros; the learned ones follow in Mul and Add.
        """
        data = self.graph.reads[node][0]
        maker = self.graph.producer[data] if data != NONE else NONE
        return maker != NONE and self.graph.operators[maker][1] == "Reshape"


_IN_A_BYTE = {2: 4, 4: 2}
"""Bits of an element -> the number of elements in a byte, where it is not 1."""

_SCALAR_WEIGHTS = _WEIGHTS.keys() - {"Gather"} | _HELPERS.keys()


def _is_vector(dims: tuple[int, ...]) -> bool:
    return sum(size != 1 for size in dims) == 1 and prod(dims) > 1


def _unpacked(node: NodeProto, tensor: Stored) -> int:
    """Return the number of elements of a packed weight before packing."""
    numbers = {attribute.name: attribute.i for attribute in node.attribute}
    if numbers.get("K", 0) > 0 and numbers.get("N", 0) > 0:
        return numbers["K"] * numbers["N"]
    packs = tensor.data_type == TensorProto.UINT8
    return tensor.elements * (_IN_A_BYTE.get(numbers.get("bits", 4), 1) if packs else 1)
