"""Moves constants from the inputs of functions into their bodies, and back.

A constant moves into a body as a `Constant` node if nodes of the body read it; calls no longer pass it on. It
leaves the initializers of the model once the main graph does not read it. The metadata of the functions and
of the model records the inputs and initializers, so that the move can be undone byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import cached_property

from onnx import FunctionProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.index.graph import NONE
from rewriter.model.operator_set.operators import schema_of, versions_of
from rewriter.model.tensors import inline_bytes
from rewriter.passes.functions.canonical_form import captures
from rewriter.passes.functions.constant_sources import ConstantSources, Named, calls_of_functions
from rewriter.passes.functions.provenance import is_ours

MOST_BYTES = 1024
"""Size of the largest constant that moves: a function should stay readable, and several may copy it."""


@dataclass(frozen=True, slots=True)
class _Moved:
    """Input of a function that became a constant: its position before, its name, and the initializer."""

    place: int
    formal: str
    initializer: str


@dataclass(frozen=True, slots=True)
class _Record:
    """Inputs of a function that became constants, and whether it imported the default domain for these."""

    moved: tuple[_Moved, ...] = ()
    imported: bool = False

    @classmethod
    def of(cls, function: FunctionProto) -> _Record | None:
        """Read the record of a function; an empty one without a record, None if it is damaged."""
        try:
            found = json.loads(metadata.get(function, tags.EMBEDDED) or '{"inputs": []}')
            moved = tuple(_Moved(int(place), str(f), str(name)) for place, f, name in found["inputs"])
            return cls(moved, bool(found.get("imported")))
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def write(self, function: FunctionProto) -> None:
        """Write the record into the metadata of its function."""
        inputs = [[each.place, each.formal, each.initializer] for each in self.moved]
        found = {"inputs": inputs, **({"imported": True} if self.imported else {})}
        metadata.write(function, {tags.EMBEDDED: json.dumps(found, ensure_ascii=False)})

    @property
    def formals(self) -> dict[str, str]:
        """Initializer -> the input that had it."""
        return {each.initializer: each.formal for each in self.moved}


def embed(model: ModelProto, constants: Collection[str]) -> int:
    """Move constants into the functions that read them, in place; return the number of moved initializers.

    Args:
        model: the model.
        constants: names of initializers that may move. Those that are inputs or outputs of the graph, large
            or stored outside of the file stay.
    """
    functions = _ours(model)
    calls = calls_of_functions(model, functions)
    tensors = _movable(model, constants)
    sources = ConstantSources(functions, calls, tensors)
    moved = {identity: _moves(function, sources.of(identity)) for identity, function in functions.items()}
    for identity, of_function in moved.items():
        for each in reversed(of_function):
            del functions[identity].input[each.place]
            for call in calls[identity]:
                del call.node.input[each.place]
    for identity, of_function in moved.items():
        if of_function:
            _write(functions[identity], of_function, tensors, model)
    return _take_out(model, {each.initializer for of_function in moved.values() for each in of_function})


def _ours(model: ModelProto) -> dict[Named, FunctionProto]:
    return {(each.domain, each.name): each for each in model.functions if is_ours(each)}


def _moves(function: FunctionProto, sources: Mapping[str, str]) -> list[_Moved]:
    return [
        _Moved(place, formal, sources[formal])
        for place, formal in enumerate(function.input)
        if formal in sources
    ]


def _movable(model: ModelProto, constants: Collection[str]) -> dict[str, TensorProto]:
    """Return name -> tensor, for the constants that may move."""
    graph, version = model.graph, versions_of(model.opset_import).get("", 0)
    fixed = {info.name for info in (*graph.input, *graph.output)}
    fixed.update(each.tensor_name for each in graph.quantization_annotation)
    infos = {info.name: info for info in graph.value_info}
    wanted = set(constants) - fixed
    return {
        tensor.name: tensor
        for tensor in graph.initializer
        if tensor.name in wanted
        and (stored := inline_bytes(tensor)) is not None
        and len(stored) <= MOST_BYTES
        and _fits_constant(tensor.data_type, version)
        and infos.get(tensor.name) in (None, _info_of(tensor))
    }


def _fits_constant(data_type: int, version: int) -> bool:
    """Whether a `Constant` of an opset may have an element type; before opset 9 only floats may."""
    schema = schema_of("Constant", "", version)
    allowed = schema.type_constraints[0].allowed_type_strs if schema else ()
    return f"tensor({TensorProto.DataType.Name(data_type).lower()})" in allowed


def _write(
    function: FunctionProto, moved: Sequence[_Moved], tensors: Mapping[str, TensorProto], model: ModelProto
) -> None:
    """Write the record, and a Constant for every moved input that nodes or outputs still read."""
    read = {name for node in function.node for name in (*node.input, *captures(node))} | {*function.output}
    made = [_constant(each.formal, tensors[each.initializer]) for each in moved if each.formal in read]
    nodes = [NodeProto.FromString(node.SerializeToString()) for node in function.node]
    del function.node[:]
    function.node.extend([*made, *nodes])
    imports = bool(made) and "" not in versions_of(function.opset_import)
    if imports:
        function.opset_import.add(domain="", version=versions_of(model.opset_import)[""])
    _Record(tuple(moved), imports).write(function)


def _constant(name: str, tensor: TensorProto) -> NodeProto:
    return helper.make_node("Constant", [], [name], name=name, value=tensor)


@dataclass(frozen=True, slots=True)
class _Left:
    """Initializer that left the model: its name, its position, and that of its stated type or NONE."""

    place: int
    name: str
    info: int


def _left(model: ModelProto) -> list[_Left]:
    """Return the recorded initializers that left the model, in the order of their positions."""
    try:
        found = json.loads(metadata.get(model, tags.EMBEDDED) or "[]")
        return [_Left(int(place), str(name), int(info)) for place, name, info in found]
    except (ValueError, TypeError):
        return []


def _take_out(model: ModelProto, names: Collection[str]) -> int:
    """Remove those initializers that the main graph no longer reads, with their stated types; record both."""
    graph = model.graph
    read = {name for node in graph.node for name in (*node.input, *captures(node))}
    infos = {info.name: place for place, info in enumerate(graph.value_info)}
    left = [
        _Left(place, tensor.name, infos.get(tensor.name, NONE))
        for place, tensor in enumerate(graph.initializer)
        if tensor.name in names and tensor.name not in read
    ]
    for each in reversed(left):
        del graph.initializer[each.place]
    for place in sorted((each.info for each in left if each.info != NONE), reverse=True):
        del graph.value_info[place]
    if left:
        metadata.write(model, {tags.EMBEDDED: json.dumps([*map(astuple, left)], ensure_ascii=False)})
    return len(names)


def _info_of(tensor: TensorProto) -> ValueInfoProto:
    """Return the type of a tensor as exporters state it."""
    return helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))


def take_back(model: ModelProto) -> None:
    """Undo `embed`, in place. Functions with an edited constant or call keep their constants."""
    functions = _ours(model)
    if any(metadata.get(function, tags.EMBEDDED) is not None for function in functions.values()):
        recovery = _Recovery(model, functions)
        for identity in list(filter(recovery.is_intact, functions)):
            recovery.restore(identity)
        recovery.give_back()
    metadata.erase(model, [tags.EMBEDDED, tags.CONSTANTS])
    for function in functions.values():
        metadata.erase(function, [tags.EMBEDDED])


class _Recovery:
    """Inverse of `embed` for one model."""

    def __init__(self, model: ModelProto, functions: Mapping[Named, FunctionProto]) -> None:
        self._model = model
        self._functions = functions
        self._records = {identity: _Record.of(function) for identity, function in functions.items()}
        self._calls = calls_of_functions(model, functions)
        self._intact: dict[Named, bool] = {}
        self._needed: set[str] = set()

    @cached_property
    def _tensors(self) -> dict[str, TensorProto]:
        """Initializer -> its tensor, in the model or, if it left, in a Constant."""
        found = {tensor.name: tensor for tensor in self._model.graph.initializer}
        for identity in self._functions:
            for each, node in self._constants(identity):
                if (tensor := node.attribute[0].t).name == each.initializer:
                    found.setdefault(each.initializer, tensor)
        return found

    def _constants(self, identity: Named) -> list[tuple[_Moved, NodeProto]]:
        """Return the moved inputs of a function that became Constants, with the nodes."""
        record = self._records[identity]
        formals = {each.formal: each for each in record.moved} if record else {}
        nodes = (node for node in self._functions[identity].node if node.op_type == "Constant")
        return [
            (formals[node.output[0]], node)
            for node in nodes
            if len(node.output) == len(node.attribute) == 1 and node.output[0] in formals
        ]

    def is_intact(self, identity: Named) -> bool:
        """Whether constants and calls of a function are as `embed` left them, so that it can be restored."""
        if identity not in self._intact:
            self._intact[identity] = False  # for functions that call each other
            record = self._records[identity]
            self._intact[identity] = record is not None and self._is_as_left(identity, record)
        return self._intact[identity]

    def _is_as_left(self, identity: Named, record: _Record) -> bool:
        wanted = {each.initializer for each in record.moved}
        return (
            wanted <= self._tensors.keys()
            and all(
                node.attribute[0].t == self._tensors[e.initializer] for e, node in self._constants(identity)
            )
            and all(
                len(call.node.input) == len(self._functions[identity].input)
                and (call.caller is None or wanted <= self._formals(call.caller).keys())
                for call in self._calls[identity]
            )
        )

    def _formals(self, caller: Named) -> Mapping[str, str]:
        """Return constant -> the input that hands it on in a caller that can be restored."""
        record = self._records.get(caller)
        return record.formals if record is not None and self.is_intact(caller) else {}

    def restore(self, identity: Named) -> None:
        """Give a function its inputs back, and its calls the operands."""
        function, record = self._functions[identity], self._records[identity]
        assert record is not None
        doomed = {node.output[0] for _, node in self._constants(identity)}
        for position in reversed(range(len(function.node))):
            if function.node[position].op_type == "Constant" and function.node[position].output[0] in doomed:
                del function.node[position]
        for call in self._calls[identity]:
            formals = self._formals(call.caller) if call.caller is not None else {}
            for each in record.moved:
                call.node.input.insert(each.place, formals.get(each.initializer, each.initializer))
        for each in record.moved:
            function.input.insert(each.place, each.formal)
        if record.imported:
            del function.opset_import[-1]
        self._needed.update(each.initializer for each in record.moved)

    def give_back(self) -> None:
        """Give the model back the initializers that the restored functions need, and their stated types."""
        graph = self._model.graph
        there = {tensor.name for tensor in graph.initializer}
        left = [each for each in _left(self._model) if each.name in self._needed - there]
        for each in left:
            graph.initializer.insert(each.place, self._tensors[each.name])
        for each in sorted(left, key=lambda each: each.info):
            if each.info != NONE:
                graph.value_info.insert(each.info, _info_of(self._tensors[each.name]))
