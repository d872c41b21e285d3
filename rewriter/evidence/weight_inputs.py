"""Finds the inputs of the main graph that are weights: TorchScript writes them with `export_params=False`.

The file then has the shapes and types of the weights, and no elements. Names of other inputs have dots, too
(`input.1`, `past_key_values.0.key`). So the first weight is an input that the module in its name
reads, or the parent of that module, as in multi-head attention. TorchScript lists the inputs of `forward`
first: in a file without initializers, all later inputs with a dotted name or a number (`onnx::Conv_81`) are
weights, too. The shape of a weight has no symbols.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from onnx import ValueInfoProto

from rewriter.basics.display import counted
from rewriter.evidence.claims import Holds, ParameterClaim, Source
from rewriter.evidence.names.scope_grammar import owner_of_parameter
from rewriter.evidence.parameters.stored_tensors import Stored
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath

_NUMBERED = re.compile(r"onnx::\w+_\d+$")


def weight_inputs(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> Mapping[int, Stored]:
    """Return input of the main graph that is a weight -> its shape and type, with a size of 0 bytes.

    Args:
        graph: the model.
        modules: node -> its module.
    """
    found: dict[int, Stored] = {}
    for info in graph.model.graph.input:
        value = graph.value(info.name)
        dims = _dims(info)
        if value in graph.initializers or dims is None:
            continue
        follows = bool(found) and not graph.initializers
        named = owner_of_parameter(info.name) is not None or bool(_NUMBERED.match(info.name))
        numbered = info.name.rpartition(".")[2].isdecimal()  # torch calls an input `input.1`
        if (follows and named) or (not numbered and _is_read_by_owner(graph, value, modules)):
            found[value] = Stored(dims, info.type.tensor_type.elem_type, 0)
    return found


def _dims(info: ValueInfoProto) -> tuple[int, ...] | None:
    """Return the shape of an input; None if it is unknown, has no axes, or has symbols."""
    dims = info.type.tensor_type.shape.dim
    sizes = tuple(dim.dim_value for dim in dims if dim.HasField("dim_value"))
    return (
        sizes
        if sizes and min(sizes) >= 0 and len(sizes) == len(dims) and isinstance(info.name, str)
        else None
    )


def _is_read_by_owner(graph: GraphIndex, value: int, modules: Sequence[ModulePath | None]) -> bool:
    owner = owner_of_parameter(graph.value_names[value])
    above = owner.parent if owner else None
    places = {modules[reader] for reader in graph.readers[value]} - {None}
    return owner in places or (bool(above) and above in places)


def testify(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> Iterator[ParameterClaim]:
    """Yield claims on the inputs that are weights and have the name of a parameter or buffer."""
    for value in weight_inputs(graph, modules):
        name = graph.value_names[value]
        if owner_of_parameter(name) is not None:
            yield ParameterClaim(name, ModulePath(name), False, Source.PARAMETER, holds=Holds.EXACT)


def note(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> tuple[str, ...]:
    """Return a note for users on the number of weights that are inputs; () without any."""
    count = len(weight_inputs(graph, modules))
    return (f"exported without weights: {counted(count, 'input')} hold weights without elements",) * (
        count > 0
    )
