"""Types of the values at the boundary of pieces: stated in the file, inferred, or measured."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from onnx import ModelProto, TypeProto, ValueInfoProto, helper

from rewriter.cutting.check import Checking, run_of
from rewriter.cutting.hoisting import Flat
from rewriter.runtime.infer.value_types import infer_types, stated


def types_of(
    flat: Flat, names: Iterable[str], folder: Path | None, how: Checking
) -> dict[str, ValueInfoProto]:
    """Return name of a value -> its type; a child process infers types that the file does not state.

    A valid model must state the ranks of its inputs and outputs, but inference does not give all of them, for
    example not those of Loop outputs: missing ranks are measured by running the model. Values of unknown type
    are left out.

    Raises:
        UsageError: the model must run to measure a rank, and the inputs do not fit it.
    """
    wanted = list(dict.fromkeys(names))
    types = _stated(flat.main.model)
    left = [name for name in wanted if name not in types]
    if left:
        inferred = infer_types(flat.main.model, left, timeout=how.timeout)
        types.update((name, _honest(info, flat.varying)) for name, info in inferred.items())
    shapeless = [name for name in left if name in types and not _is_whole(types[name].type)]
    if shapeless:
        # With all boundary values, the run has the readers of inputs: these readers decide which rank runs.
        ranks = run_of(flat.main.model, folder, how).ranks(wanted)
        for name in shapeless:
            types[name] = _of_rank(types[name], ranks.get(name))
    return {name: types[name] for name in wanted if name in types and _is_whole(types[name].type)}


def _of_rank(info: ValueInfoProto, rank: int | None) -> ValueInfoProto:
    element = info.type.tensor_type.elem_type
    return helper.make_tensor_value_info(info.name, element, None if rank is None else [None] * rank)


def _stated(model: ModelProto) -> dict[str, ValueInfoProto]:
    graph = model.graph
    types = {
        tensor.name: helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        for tensor in graph.initializer
    }
    for info in (*graph.value_info, *graph.input, *graph.output):
        if _is_whole(info.type):
            types[info.name] = ValueInfoProto(name=info.name, type=info.type)
    return types


def _is_whole(type_: TypeProto) -> bool:
    """Whether a tensor type has its element type and rank; any other type only has to be set."""
    kind = type_.WhichOneof("value")
    if kind != "tensor_type":
        return kind is not None
    return type_.tensor_type.elem_type != 0 and type_.tensor_type.HasField("shape")


def _honest(info: ValueInfoProto, varying: frozenset[str]) -> ValueInfoProto:
    """Return a type without dimension names that inference made up; of a varying value, only the rank."""
    result = stated(info)
    if info.name in varying and result.type.HasField("tensor_type"):
        for dim in result.type.tensor_type.shape.dim:
            dim.Clear()
    return result
