"""Seeded mutants of functions, bodies and boundaries; `mutants` has those of plain nodes.

Most edits are blind: they may make a model that onnxruntime refuses, and another is made then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

from tests.proof.edits import Body, bodies

Edit = Callable[["Piece"], str | None]

_UNARY = ("Neg", "Abs", "Sin", "Tanh", "Sigmoid", "Relu", "Identity")
_BINARY = ("Sub", "Add", "Mul", "Max", "Min")
_WIDTHS = ((1, 6, 12), (10, 16, 4, 5), (7, 11, 13), (2, 3, 9))
"""Element types of one width each."""
_OWNERS = ("Loop", "Scan")
_REDEFINED = ("Softmax", "LogSoftmax", "Hardmax")
"""Operators of subjects that opset 13 gave another meaning; an opset tells nothing where none is there."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node, the body it stands in, and what it sees: names of its own body, then of those around."""

    node: NodeProto
    body: Body
    own: tuple[str, ...]
    outer: tuple[str, ...]
    function: FunctionProto | None


@dataclass(frozen=True, slots=True)
class Piece:
    """A copy of a model, to be edited."""

    model: ModelProto
    rng: np.random.Generator

    def places(self) -> list[Place]:
        """The nodes that run: those of the main graph, and of functions that are called from there."""
        found = list(_places(self.model.graph, (), None))
        waiting = {_key(function): function for function in self.model.functions}
        for place in found:  # which grows
            function = waiting.pop((place.node.domain, place.node.op_type, place.node.overload), None)
            if function is not None:
                found += _places(function, (), function)
        return found

    def index(self, below: int) -> int:
        return int(self.rng.integers(below))


def _places(body: Body, outer: tuple[str, ...], function: FunctionProto | None) -> Iterator[Place]:
    if isinstance(body, FunctionProto):
        own = list(body.input)
    else:
        own = [info.name for info in body.input] + [tensor.name for tensor in body.initializer]
    for node in body.node:
        yield Place(node, body, tuple(own), outer, function)
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from _places(attribute.g, (*outer, *own), function)
        own += filter(None, node.output)


def _swap(values: object, left: int, right: int) -> None:
    """Swap two messages or names of a repeated field."""
    kept = list(values)  # type: ignore[call-overload]
    kept[left], kept[right] = kept[right], kept[left]
    copies = [_copy(each) for each in kept]
    del values[:]  # type: ignore[attr-defined]
    values.extend(copies)  # type: ignore[attr-defined]


def _copy(message: object) -> object:
    if isinstance(message, str):
        return message
    made = type(message)()
    made.CopyFrom(message)  # type: ignore[attr-defined]
    return made


def _two(piece: Piece, lists: list[tuple[object, int]]) -> bool:
    """Swap two entries, from a place on, of one of the lists that has two."""
    fitting = [(values, first) for values, first in lists if len(values) - first > 1]  # type: ignore[arg-type]
    if not fitting:
        return False
    values, first = fitting[piece.index(len(fitting))]
    left, right = piece.rng.choice(len(values) - first, 2, replace=False) + first  # type: ignore[arg-type]
    _swap(values, int(left), int(right))
    return True


def _called(piece: Piece) -> list[tuple[Place, FunctionProto]]:
    known = {(f.domain, f.name, f.overload): f for f in piece.model.functions}
    found = []
    for place in piece.places():
        key = (place.node.domain, place.node.op_type, place.node.overload)
        if key in known:
            found.append((place, known[key]))
    return found


def _used(piece: Piece) -> list[FunctionProto]:
    """The functions that are called, so that few mutants touch what nobody runs."""
    called = {_key(function): function for _, function in _called(piece)}
    return list(called.values())


def _key(function: FunctionProto) -> tuple[str, str, str]:
    return function.domain, function.name, function.overload


def function_operator(piece: Piece) -> str | None:
    sites = [p for p in piece.places() if p.function and p.node.op_type in (*_UNARY, *_BINARY)]
    if not sites:
        return None
    node = sites[piece.index(len(sites))].node
    family = _UNARY if node.op_type in _UNARY else _BINARY
    old = node.op_type
    node.op_type = [op for op in family if op != old][piece.index(len(family) - 1)]
    return f"{old} -> {node.op_type}"


def _rewire(piece: Piece, sites: list[tuple[Place, int, list[str]]]) -> str | None:
    sites = [site for site in sites if site[2]]
    if not sites:
        return None
    place, position, others = sites[piece.index(len(sites))]
    old = place.node.input[position]
    place.node.input[position] = others[piece.index(len(others))]
    return f"{place.node.op_type} {position}: {old} -> {place.node.input[position]}"


def function_edge(piece: Piece) -> str | None:
    return _rewire(
        piece,
        [
            (place, position, [other for other in (*place.own, *place.outer) if other != name])
            for place in piece.places()
            if place.function
            for position, name in enumerate(place.node.input)
            if name
        ],
    )


def captured_value(piece: Piece) -> str | None:
    """Another value of the bodies around."""
    return _rewire(
        piece,
        [
            (place, position, [other for other in place.outer if other != name])
            for place in piece.places()
            for position, name in enumerate(place.node.input)
            if name in place.outer and name not in place.own
        ],
    )


def function_formals(piece: Piece) -> str | None:
    return "swapped" if _two(piece, [(function.input, 0) for function in _used(piece)]) else None


def function_results(piece: Piece) -> str | None:
    return "swapped" if _two(piece, [(function.output, 0) for function in _used(piece)]) else None


def call_inputs(piece: Piece) -> str | None:
    return "swapped" if _two(piece, [(place.node.input, 0) for place, _ in _called(piece)]) else None


def call_outputs(piece: Piece) -> str | None:
    return "swapped" if _two(piece, [(place.node.output, 0) for place, _ in _called(piece)]) else None


def attribute_reference(piece: Piece) -> str | None:
    """A reference to another attribute of the function, or none."""
    used = {_key(function) for function in _used(piece)}
    sites = [
        (place, attribute)
        for place in piece.places()
        if place.function and _key(place.function) in used
        for attribute in place.node.attribute
        if attribute.ref_attr_name
    ]
    if not sites:
        return None
    place, attribute = sites[piece.index(len(sites))]
    assert place.function
    old = attribute.ref_attr_name
    others = [each.name for each in place.function.attribute_proto if each.name != old]
    if others and piece.index(2):
        attribute.ref_attr_name = others[piece.index(len(others))]
        return f"{old} -> {attribute.ref_attr_name}"
    attribute.ref_attr_name, attribute.f, attribute.i = "", 0.375, 0
    return f"{old} -> written out"


def _nudge(attribute: AttributeProto) -> None:
    if attribute.type == AttributeProto.FLOAT:
        attribute.f = attribute.f * 1.5 + 0.125
    else:
        attribute.i = 1 - attribute.i if attribute.i in (0, 1) else attribute.i + 1


def call_attribute(piece: Piece) -> str | None:
    """Another value, or none, or one where the default counted."""
    sites = [(place.node, f) for place, f in _called(piece) if f.attribute_proto]
    if not sites:
        return None
    node, function = sites[piece.index(len(sites))]
    chosen = function.attribute_proto[piece.index(len(function.attribute_proto))]
    given = [attribute for attribute in node.attribute if attribute.name == chosen.name]
    if not given:
        node.attribute.add().CopyFrom(chosen)
        _nudge(node.attribute[-1])
        return f"{chosen.name} given"
    if given[0].ref_attr_name or piece.index(2):
        node.attribute.remove(given[0])
        return f"{chosen.name} left out"
    _nudge(given[0])
    return f"{chosen.name} changed"


def function_default(piece: Piece) -> str | None:
    sites = [attribute for function in _used(piece) for attribute in function.attribute_proto]
    if not sites:
        return None
    attribute = sites[piece.index(len(sites))]
    _nudge(attribute)
    return attribute.name


def called_function(piece: Piece) -> str | None:
    """Another function, or another overload of it, with as many inputs and outputs."""
    sites = [
        (place.node, [f for f in piece.model.functions if f != function and _alike(f, function)])
        for place, function in _called(piece)
    ]
    sites = [site for site in sites if site[1]]
    if not sites:
        return None
    node, others = sites[piece.index(len(sites))]
    other = others[piece.index(len(others))]
    node.domain, node.op_type, node.overload = other.domain, other.name, other.overload
    return other.name + other.overload


def _alike(one: FunctionProto, other: FunctionProto) -> bool:
    return len(one.input) == len(other.input) and len(one.output) == len(other.output)


def function_opset(piece: Piece) -> str | None:
    functions = [f for f in _used(piece) if any(node.op_type in _REDEFINED for node in f.node)]
    return _other_version(piece, [opset for f in functions for opset in f.opset_import if not opset.domain])


def model_opset(piece: Piece) -> str | None:
    if not any(place.node.op_type in _REDEFINED for place in piece.places()):
        return None
    return _other_version(piece, [opset for opset in piece.model.opset_import if not opset.domain])


def _other_version(piece: Piece, sites: list[onnx.OperatorSetIdProto]) -> str | None:
    if not sites:
        return None
    opset = sites[piece.index(len(sites))]
    opset.version = int(piece.rng.choice([v for v in (11, 12, 13, 17, 18, 21) if v != opset.version]))
    return str(opset.version)


def _owners(piece: Piece, *kinds: str) -> list[NodeProto]:
    return [place.node for place in piece.places() if place.node.op_type in kinds]


def branches_swapped(piece: Piece) -> str | None:
    owners = _owners(piece, "If")
    if not owners:
        return None
    one, other = owners[piece.index(len(owners))].attribute
    one.name, other.name = other.name, one.name
    return "swapped"


def loop_carried(piece: Piece) -> str | None:
    """Two initial values, two inputs or two results of a body, in each other's place."""
    owners = _owners(piece, *_OWNERS)
    lists: list[tuple[object, int]] = []
    for owner in owners:
        body = next(attribute.g for attribute in owner.attribute if attribute.name == "body")
        first = 2 if owner.op_type == "Loop" else 0
        lists += [(owner.input, first), (body.input, first), (body.output, first // 2), (owner.output, 0)]
    return "swapped" if _two(piece, lists) else None


def body_result(piece: Piece) -> str | None:
    """Another value of the body as its result."""
    graphs = [body for body in bodies(piece.model) if isinstance(body, GraphProto)]
    inner = [graph for graph in graphs if graph is not piece.model.graph and graph.name != "g"]
    sites = [
        (info, [n.output[0] for n in g.node if n.output[0] != info.name]) for g in inner for info in g.output
    ]
    sites = [site for site in sites if site[1]]
    if not sites:
        return None
    info, others = sites[piece.index(len(sites))]
    old, info.name = info.name, others[piece.index(len(others))]
    return f"{old} -> {info.name}"


def outputs_exchanged(piece: Piece) -> str | None:
    """Two outputs of the model that bear each other's name."""
    names = [info.name for info in piece.model.graph.output]
    if len(names) < 2:
        return None
    one, other = (names[int(n)] for n in piece.rng.choice(len(names), 2, replace=False))
    new = {one: other, other: one}
    for place in piece.places():
        if place.function is None:
            for field in (place.node.input, place.node.output):
                field[:] = [new.get(name, name) for name in field]
    for graph in bodies(piece.model):
        if isinstance(graph, GraphProto) and graph is not piece.model.graph and graph.name != "g":
            for info in graph.output:
                info.name = new.get(info.name, info.name)
    return f"{one} {other}"


def outputs_permuted(piece: Piece) -> str | None:
    return "swapped" if _two(piece, [(piece.model.graph.output, 0)]) else None


def _tensors(piece: Piece, *, inner: bool) -> list[TensorProto]:
    main = piece.model.graph
    graphs = [body for body in bodies(piece.model) if isinstance(body, GraphProto)]
    chosen = [g for g in graphs if (g.name != main.name) == inner]
    found = [tensor for graph in chosen for tensor in graph.initializer]
    # A whole number alone may be the rounds of a loop; with a high bit set it would take all memory.
    found = [t for t in found if not t.string_data and t.data_location != TensorProto.EXTERNAL]
    return [t for t in found if 0 not in t.dims and (t.dims or t.data_type != t.INT64)]


def _raw(tensor: TensorProto) -> TensorProto:
    if not tensor.HasField("raw_data"):
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    return tensor


def _flip(piece: Piece, tensors: list[TensorProto]) -> str | None:
    if not tensors:
        return None
    tensor = _raw(tensors[piece.index(len(tensors))])
    data = bytearray(tensor.raw_data)
    at = piece.index(len(data))
    data[at] ^= 1 << piece.index(8)
    tensor.raw_data = bytes(data)
    return f"{tensor.name} byte {at}"


def initializer_bits(piece: Piece) -> str | None:
    return _flip(piece, _tensors(piece, inner=False))


def body_initializer(piece: Piece) -> str | None:
    return _flip(piece, _tensors(piece, inner=True))


def initializer_type(piece: Piece) -> str | None:
    """The same bytes, of another type of that width."""
    read = {n for place in piece.places() if place.node.op_type == "Cast" for n in place.node.input}
    tensors = [t for t in _tensors(piece, inner=False) if t.name in read]
    sites = [
        (t, [k for k in kinds if k != t.data_type])
        for t in tensors
        for kinds in _WIDTHS
        if t.data_type in kinds
    ]
    if not sites:
        return None
    tensor, kinds = sites[piece.index(len(sites))]
    _raw(tensor).data_type = kinds[piece.index(len(kinds))]
    return f"{tensor.name} {tensor.data_type}"


def initializer_shape(piece: Piece) -> str | None:
    """One row or one column of a matrix, which broadcasts."""
    inputs = {info.name for info in piece.model.graph.input}
    tensors = [t for t in _tensors(piece, inner=False) if list(t.dims) == [2, 3] and t.name not in inputs]
    if not tensors:
        return None
    tensor = tensors[piece.index(len(tensors))]
    array = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array(array[:1] if piece.index(2) else array[:, :1], tensor.name))
    return f"{tensor.name} {list(tensor.dims)}"


def cast_type(piece: Piece) -> str | None:
    casts = [place.node.attribute[0] for place in piece.places() if place.node.op_type == "Cast"]
    if not casts:
        return None
    attribute = casts[piece.index(len(casts))]
    attribute.i = int(piece.rng.choice([kind for kind in (1, 6, 10, 11) if kind != attribute.i]))
    return str(attribute.i)


def sparse_values(piece: Piece) -> str | None:
    sparse = list(piece.model.graph.sparse_initializer)
    return _flip(piece, [each.values for each in sparse] + [each.indices for each in sparse])


def input_default(piece: Piece) -> str | None:
    """What an input is where the caller gives nothing."""
    inputs = {info.name for info in piece.model.graph.input}
    return _flip(piece, [t for t in piece.model.graph.initializer if t.name in inputs])


def optional_input(piece: Piece) -> str | None:
    """An optional input in another slot, or left out."""
    nodes = [p.node for p in piece.places() if p.node.op_type == "Clip" and len(p.node.input) > 1]
    if not nodes:
        return None
    node = nodes[piece.index(len(nodes))]
    if piece.index(2):
        node.input[:] = [node.input[0], node.input[2] if len(node.input) > 2 else "", node.input[1]]
    else:
        node.input[-1] = ""
    return str(list(node.input))


def default_made_explicit(piece: Piece) -> str | None:
    """An attribute that was left out, with another value than its default."""
    sites = []
    for place in piece.places():
        if place.node.domain or not onnx.defs.has(place.node.op_type):
            continue
        schema = onnx.defs.get_schema(place.node.op_type, 18)
        given = {attribute.name for attribute in place.node.attribute}
        for name, attribute in schema.attributes.items():
            kind = attribute.default_value.type
            if name not in given and kind in (AttributeProto.FLOAT, AttributeProto.INT):
                sites.append((place.node, attribute.default_value))
    if not sites:
        return None
    node, default = sites[piece.index(len(sites))]
    node.attribute.add().CopyFrom(default)
    _nudge(node.attribute[-1])
    return f"{node.op_type} {default.name}"


def attribute_dropped(piece: Piece) -> str | None:
    sites = [
        (place.node, attribute)
        for place in piece.places()
        for attribute in place.node.attribute
        if attribute.type in (AttributeProto.FLOAT, AttributeProto.INT, AttributeProto.INTS)
        and not attribute.ref_attr_name
    ]
    if not sites:
        return None
    node, attribute = sites[piece.index(len(sites))]
    told = f"{node.op_type} {attribute.name}"
    node.attribute.remove(attribute)
    return told


KINDS: dict[str, Edit] = {
    each.__name__: each
    for each in (
        *(function_operator, function_edge, function_formals, function_results, function_default),
        *(function_opset, call_inputs, call_outputs, call_attribute, called_function, attribute_reference),
        *(captured_value, branches_swapped, loop_carried, body_result, body_initializer),
        *(outputs_exchanged, outputs_permuted, input_default, model_opset, sparse_values),
        *(initializer_bits, initializer_type, initializer_shape, cast_type),
        *(optional_input, default_made_explicit, attribute_dropped),
    )
}


def mutant(original: ModelProto, kind: str, seed: tuple[int, ...]) -> tuple[ModelProto, str] | None:
    """The model with one edit of a kind, and what was edited; None where it has no room for it."""
    copy = ModelProto()
    copy.CopyFrom(original)
    edit = KINDS[kind](Piece(copy, np.random.default_rng(seed)))
    return None if edit is None or copy == original else (copy, edit)
