"""Moves constants from the inputs of functions into their bodies.

A constant moves into a body as a `Constant` node if nodes of the body read it; calls no longer pass it on. It
leaves the initializers of the model once the main graph does not read it. The metadata of the functions and
of the model records the inputs and initializers, so that the move can be undone byte for byte.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from onnx import FunctionProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from rewriter.evidence.roles import Role
from rewriter.model.index.graph import NONE
from rewriter.model.operator_set.operators import schema_of, versions_of
from rewriter.model.tensors import inline_bytes
from rewriter.modules.analysis import Analysis
from rewriter.passes.functions.canonical_form import captures
from rewriter.passes.functions.constants.records import (
    LeftInitializer,
    MovedInput,
    MoveRecord,
    renamed_info,
    write_left,
)
from rewriter.passes.functions.constants.sources import (
    ConstantSources,
    calls_of_functions,
    own_functions,
)

MOST_BYTES = 1024
"""Size of the largest constant that moves: a function should stay readable, and several may copy it."""


def constants_of(analysis: Analysis) -> list[str]:
    """Return the names of the initializers that no module holds as parameter or buffer, in file order."""
    constants: set[str] = set()
    others: set[str] = set()
    for module in analysis.tree:
        for tensor in module.tensors:
            (constants if tensor.role is Role.CONSTANT else others).add(tensor.name)
    names = constants - others
    return [tensor.name for tensor in analysis.model.graph.initializer if tensor.name in names]


def embed(model: ModelProto, constants: Collection[str]) -> int:
    """Move constants into the functions that read them, in place; return the number of moved initializers.

    Args:
        model: the model.
        constants: names of initializers that may move. Those that are inputs or outputs of the graph, large
            or stored outside of the file stay.
    """
    functions = own_functions(model)
    calls = calls_of_functions(model, functions)
    tensors = _movable(model, constants)
    infos = {info.name: info for info in model.graph.value_info}
    sources = ConstantSources(functions, calls, tensors)
    moved = {identity: _moves(function, sources.of(identity)) for identity, function in functions.items()}
    for identity, of_function in moved.items():
        for each in reversed(of_function):
            del functions[identity].input[each.place]
            for call in calls[identity]:
                del call.node.input[each.place]
    for identity, of_function in moved.items():
        if of_function:
            _write(functions[identity], of_function, tensors, model, infos)
    return _take_out(model, {each.initializer for of_function in moved.values() for each in of_function})


def _moves(function: FunctionProto, sources: Mapping[str, str]) -> list[MovedInput]:
    return [
        MovedInput(place, formal, sources[formal])
        for place, formal in enumerate(function.input)
        if formal in sources
    ]


def _movable(model: ModelProto, constants: Collection[str]) -> dict[str, TensorProto]:
    """Return name -> tensor, for the constants that may move."""
    graph, version = model.graph, versions_of(model.opset_import).get("", 0)
    fixed = {info.name for info in (*graph.input, *graph.output)}
    fixed.update(each.tensor_name for each in graph.quantization_annotation)
    wanted = set(constants) - fixed
    return {
        tensor.name: tensor
        for tensor in graph.initializer
        if tensor.name in wanted
        and (stored := inline_bytes(tensor)) is not None
        and len(stored) <= MOST_BYTES
        and _fits_constant(tensor.data_type, version)
    }


def _fits_constant(data_type: int, version: int) -> bool:
    """Whether a `Constant` of an opset may have an element type; before opset 9 only floats may."""
    schema = schema_of("Constant", "", version)
    allowed = schema.type_constraints[0].allowed_type_strs if schema else ()
    return f"tensor({TensorProto.DataType.Name(data_type).lower()})" in allowed


def _write(
    function: FunctionProto,
    moved: Sequence[MovedInput],
    tensors: Mapping[str, TensorProto],
    model: ModelProto,
    infos: Mapping[str, ValueInfoProto],
) -> None:
    """Write the record, and a Constant with its stated type for every moved input that is still read."""
    read = {name for node in function.node for name in (*node.input, *captures(node))} | {*function.output}
    needed = [each for each in moved if each.formal in read]
    made = [_constant(each.formal, tensors[each.initializer]) for each in needed]
    nodes = [NodeProto.FromString(node.SerializeToString()) for node in function.node]
    del function.node[:]
    function.node.extend([*made, *nodes])
    stated = [(each.formal, info) for each in needed if (info := infos.get(each.initializer)) is not None]
    function.value_info.extend(renamed_info(info, formal) for formal, info in stated)
    imports = bool(made) and "" not in versions_of(function.opset_import)
    if imports:
        function.opset_import.add(domain="", version=versions_of(model.opset_import)[""])
    MoveRecord(tuple(moved), imports).write(function)


def _constant(name: str, tensor: TensorProto) -> NodeProto:
    return helper.make_node("Constant", [], [name], name=name, value=tensor)


def _take_out(model: ModelProto, names: Collection[str]) -> int:
    """Remove those initializers that the main graph no longer reads, with their stated types; record both."""
    graph = model.graph
    read = {name for node in graph.node for name in (*node.input, *captures(node))}
    infos = {info.name: place for place, info in enumerate(graph.value_info)}
    left = [
        LeftInitializer(place, tensor.name, infos.get(tensor.name, NONE))
        for place, tensor in enumerate(graph.initializer)
        if tensor.name in names and tensor.name not in read
    ]
    for each in reversed(left):
        del graph.initializer[each.place]
    for place in sorted((each.info for each in left if each.info != NONE), reverse=True):
        del graph.value_info[place]
    write_left(model, left)
    return len(names)
