"""Seeded mutants of a model: one small edit each that means to change what the model computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

T = TypeVar("T")
Type = tuple[int, tuple[object, ...]]
"""Element type and dimensions of a value."""

_COMMUTATIVE = frozenset({"Add", "Mul", "And", "Or", "Xor", "Equal", "Max", "Min", "Sum", "Mean"})
_BROADCASTING = frozenset({"Sub", "Div", "Pow", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Mod"})
_RELATIVES = (
    ("Add", "Sub", "Mul", "Div", "Max", "Min"),
    ("Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal"),
    ("And", "Or", "Xor"),
    ("Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Exp", "Sin", "Cos", "Erf", "Gelu", "Softplus"),
    ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"),
    ("MaxPool", "AveragePool"),
)
_DRAWING = frozenset({"RandomNormalLike", "RandomUniformLike", "RandomNormal", "RandomUniform", "Dropout"})
_MODES = {
    "none": "tanh",
    "tanh": "none",
    "forward": "reverse",
    "constant": "edge",
    "nearest": "linear",
    "NOTSET": "VALID",
}


@dataclass(frozen=True, slots=True)
class Workpiece:
    """A copy of a model, to be edited, and what is known of its values."""

    model: ModelProto
    types: dict[str, Type]
    rng: np.random.Generator

    def pick(self, choices: list[T]) -> T | None:
        return choices[int(self.rng.integers(len(choices)))] if choices else None

    def bodies(self) -> Iterator[GraphProto]:
        """The main graph and every graph inside."""
        graphs = [self.model.graph]
        while graphs:
            graph = graphs.pop()
            yield graph
            graphs += [a.g for node in graph.node for a in node.attribute if a.type == AttributeProto.GRAPH]

    def nodes(self) -> list[NodeProto]:
        return [node for body in self.bodies() for node in body.node]

    def type_of(self, name: str) -> Type | None:
        return self.types.get(name) if name else None


def types_of(model: ModelProto) -> dict[str, Type]:
    """What shape inference tells of the values; symbols and unknown sizes are told apart by their text."""
    types: dict[str, Type] = {}
    for graph in Workpiece(onnx.shape_inference.infer_shapes(model), {}, np.random.default_rng(0)).bodies():
        for tensor in graph.initializer:
            types[tensor.name] = (tensor.data_type, tuple(tensor.dims))
        for info in (*graph.input, *graph.value_info, *graph.output):
            tensor_type = info.type.tensor_type
            if info.type.HasField("tensor_type") and tensor_type.HasField("shape"):
                dims = (
                    d.dim_value if d.HasField("dim_value") else d.dim_param for d in tensor_type.shape.dim
                )
                types[info.name] = (tensor_type.elem_type, tuple(dims))
    return types


def swapped_inputs(piece: Workpiece) -> str | None:
    sites = []
    for node in piece.nodes():
        if node.op_type in _COMMUTATIVE:
            continue
        for left, right in combinations(range(len(node.input)), 2):
            ours, theirs = node.input[left], node.input[right]
            alike = piece.type_of(ours) is not None and piece.type_of(ours) == piece.type_of(theirs)
            if ours != theirs and ours and theirs and (alike or node.op_type in _BROADCASTING):
                sites.append((node, left, right))
    if (site := piece.pick(sites)) is None:
        return None
    node, left, right = site
    node.input[left], node.input[right] = node.input[right], node.input[left]
    return f"{node.op_type} {left} {right}"


def swapped_outputs(piece: Workpiece) -> str | None:
    sites = [
        (node, left, right)
        for node in piece.nodes()
        for left, right in combinations(range(len(node.output)), 2)
        if node.output[left] and node.output[right]
    ]
    if (site := piece.pick(sites)) is None:
        return None
    node, left, right = site
    node.output[left], node.output[right] = node.output[right], node.output[left]
    return f"{node.op_type} {left} {right}"


def changed_attribute(piece: Workpiece) -> str | None:
    kinds = (AttributeProto.FLOAT, AttributeProto.INT, AttributeProto.INTS, AttributeProto.STRING)
    sites = [
        (node, attribute)
        for node in piece.nodes()
        if node.op_type != "Constant"
        for attribute in node.attribute
        if attribute.type in kinds
        and (attribute.type != AttributeProto.STRING or attribute.s.decode() in _MODES)
    ]
    if (site := piece.pick(sites)) is None:
        return None
    node, attribute = site
    match attribute.type:
        case AttributeProto.FLOAT:
            attribute.f = attribute.f * 1.5 + 0.125
        case AttributeProto.INT:
            attribute.i = (
                1 - attribute.i if attribute.i in (0, 1) else attribute.i + int(piece.rng.choice([-1, 1]))
            )
        case AttributeProto.INTS:
            _shuffled_or_nudged(piece, attribute)
        case AttributeProto.STRING:
            attribute.s = _MODES[attribute.s.decode()].encode()
    return f"{node.op_type} {attribute.name}"


def _shuffled_or_nudged(piece: Workpiece, attribute: AttributeProto) -> None:
    if attribute.name == "perm":
        left, right = piece.rng.choice(len(attribute.ints), 2, replace=False)
        attribute.ints[left], attribute.ints[right] = attribute.ints[right], attribute.ints[left]
    elif attribute.ints:
        attribute.ints[int(piece.rng.integers(len(attribute.ints)))] += 1


def changed_constant(piece: Workpiece) -> str | None:
    tensors = [tensor for body in piece.bodies() for tensor in body.initializer]
    tensors += [
        a.t
        for n in piece.nodes()
        if n.op_type == "Constant"
        for a in n.attribute
        if a.type == AttributeProto.TENSOR
    ]
    tensor = piece.pick(
        [
            t
            for t in tensors
            if 0 not in t.dims and t.data_location != TensorProto.EXTERNAL and not t.string_data
        ]
    )
    if tensor is None:
        return None
    array = numpy_helper.to_array(tensor).copy()
    # One element of an embedding may never be read; all of them surely are.
    place = (
        ...
        if piece.rng.random() < 0.5
        else np.unravel_index(int(piece.rng.integers(array.size)), array.shape)
    )
    if array.dtype == np.bool_:
        array[place] = ~array[place]
    elif array.dtype.kind in "iu":
        array[place] += 1
    else:
        array[place] = array[place] * 1.25 + 0.125
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    return f"{tensor.name} {array.dtype} {array.shape}"


def rewired_edge(piece: Workpiece) -> str | None:
    sites = []
    for body in piece.bodies():
        known = [info.name for info in body.input] + [tensor.name for tensor in body.initializer]
        for node in body.node:
            for position, name in enumerate(node.input):
                kind = piece.type_of(name)
                others = [other for other in known if kind and other != name and piece.type_of(other) == kind]
                if others:
                    sites.append((node, position, others))
            known.extend(filter(None, node.output))
    if (site := piece.pick(sites)) is None:
        return None
    node, position, others = site
    old, new = node.input[position], str(piece.pick(others))
    node.input[position] = new
    return f"{node.op_type} {position}: {old} -> {new}"


def _keeping_type(piece: Workpiece) -> list[tuple[GraphProto, int, int]]:
    """Body, node and input such that the first output of the node has the type of that input."""
    return [
        (body, number, position)
        for body in piece.bodies()
        for number, node in enumerate(body.node)
        if node.op_type not in ("Identity", *_DRAWING) and len(node.output) == 1
        for position, name in enumerate(node.input)
        if (kind := piece.type_of(name)) and kind == piece.type_of(node.output[0])
    ]


def dropped_node(piece: Workpiece) -> str | None:
    if (site := piece.pick(_keeping_type(piece))) is None:
        return None
    body, number, position = site
    old = body.node[number].op_type
    identity = helper.make_node(
        "Identity", [body.node[number].input[position]], list(body.node[number].output)
    )
    body.node[number].CopyFrom(identity)
    return f"{old} {position}"


def doubled_node(piece: Workpiece) -> str | None:
    """A node applied to its own result."""
    if (site := piece.pick(_keeping_type(piece))) is None:
        return None
    body, number, position = site
    again = NodeProto()
    again.CopyFrom(body.node[number])
    again.name = f"{again.name}_again"
    body.node[number].output[0] = again.input[position] = f"{again.output[0]}_once"
    body.node.insert(number + 1, again)
    return f"{again.op_type} {position}"


def doubled_drawing(piece: Workpiece) -> str | None:
    """A node that draws random numbers, drawn once more for one of its readers."""
    sites = []
    for body in piece.bodies():
        for number, node in enumerate(body.node):
            readers = [r for r in body.node if node.output and node.output[0] in r.input]
            if node.op_type in _DRAWING and readers:
                sites.append((body, number, readers))
    if (site := piece.pick(sites)) is None:
        return None
    body, number, readers = site
    reader = piece.pick(readers)
    assert reader is not None
    again = NodeProto()
    again.CopyFrom(body.node[number])
    drawn = again.output[0]
    again.name, again.output[:] = f"{again.name}_again", [f"{name}_again" for name in again.output]
    reader.input[list(reader.input).index(drawn)] = again.output[0]
    body.node.insert(number, again)
    return again.op_type


def changed_operator(piece: Workpiece) -> str | None:
    sites = [(node, family) for node in piece.nodes() for family in _RELATIVES if node.op_type in family]
    if (site := piece.pick(sites)) is None:
        return None
    node, family = site
    old = node.op_type
    node.op_type = str(piece.pick([each for each in family if each != old]))
    return f"{old} -> {node.op_type}"


KINDS: dict[str, Callable[[Workpiece], str | None]] = {
    each.__name__: each
    for each in (
        doubled_drawing,
        swapped_inputs,
        swapped_outputs,
        changed_attribute,
        changed_constant,
        rewired_edge,
        dropped_node,
        doubled_node,
        changed_operator,
    )
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A model with one edit of one kind; `edit` says which."""

    kind: str
    edit: str
    model: ModelProto


def mutant(original: ModelProto, types: dict[str, Type], seed: tuple[int, ...]) -> Mutant:
    """The mutant of a seed; kinds are equally likely as far as the model has room for them.

    Raises:
        LookupError: the model has nothing to mutate.
    """
    rng = np.random.default_rng(seed)
    for kind in rng.permutation(list(KINDS)):
        copy = ModelProto()
        copy.CopyFrom(original)
        edit = KINDS[str(kind)](Workpiece(copy, types, rng))
        if edit is not None:
            return Mutant(str(kind), edit, copy)
    raise LookupError("no kind of mutation fits this model")
