"""Finds the owner of a constant by its name.

`fc.MatMul.weight` belongs to `fc` if the node `/fc/MatMul` reads it: builders of models name weights after
operators, and an operator is no module. The scale of a quantised activation belongs to no module, though its
name (`input.4_scale`) may look like a parameter's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rewriter.evidence.names.derived_names import parameter_named_by
from rewriter.evidence.names.scope_grammar import owner_of_parameter, owner_of_variable
from rewriter.evidence.parameters.tensor_roles import HELPING, QUANTISED
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.index.index_cache import once_per_index
from rewriter.paths import ROOT, ModulePath

_ENDING = re.compile(r"(?<=.)_(?:weight|bias|gamma|beta|(?:running|moving)_(?:mean|var))$")
_ENDINGS = ("_weight", "_bias", "_gamma", "_beta", "_mean", "_var")  # checked first
_SEPARATORS = frozenset("./:")


@once_per_index
def owners_of_constants(graph: GraphIndex) -> Mapping[int, ModulePath]:
    """Return constant -> its owner, for constants with the name of a parameter.

    The scales and zero points of activations are left out.
    """
    names = graph.value_names
    return {
        value: _without_operator(graph, value, owner)
        for value in graph.constants
        if (owner := owner_of_parameter(names[value]) or _by_ending(graph, value))
        and not is_of_activation(graph, names[value])
    }


def local_name(owner: ModulePath, name: str) -> str:
    """Return the name of a parameter inside its owner: `fc.weight_quantized` -> `weight`."""
    return parameter_named_by(name).removeprefix(f"{owner}_").rpartition(".")[2]


def _by_ending(graph: GraphIndex, value: int) -> ModulePath | None:
    """Return the owner in a name such as `net_conv0_weight`: `net_conv0`; None without one.

    MXNet names the result of a layer after it. A reader has to write such a value (`net_conv0_fwd`): a
    parameter of the root may be called `class_weight`, and onnxslim calls the weight of `val_3` so.
    """
    name = graph.value_names[value]
    if not isinstance(name, str) or not (stem := parameter_named_by(name)).endswith(_ENDINGS):
        return None
    if not (found := _ENDING.search(stem)):
        return None
    layer = name[: found.start()]
    written = (graph.value_names[v] for n in graph.readers[value] for v in graph.writes[n] if v != NONE)
    named = any(str(each).startswith(f"{layer}_fwd") for each in written)
    return ModulePath(layer) if named and not _SEPARATORS.intersection(layer) else None


def is_of_activation(graph: GraphIndex, name: str) -> bool:
    """Whether a name is that of a scale or zero point of a value of the main graph that is no constant."""
    if not isinstance(name, str) or not name.endswith(HELPING):
        return False
    values = graph.bodies[0].values
    for ending in HELPING:
        if name.endswith(ending):
            stem = name.removesuffix(ending)
            found = (values.get(stem + quantised, NONE) for quantised in ("", *QUANTISED))
            return any(value != NONE and value not in graph.constants for value in found)
    return False


def owner_by_variable(graph: GraphIndex, value: int) -> ModulePath | None:
    """Return the owner in TensorFlow's name of a variable; None without one.

    `net/fc/matmul/ReadVariableOp:0` belongs to `net.fc` if the node `net/fc/matmul` reads it.
    """
    owner = owner_of_variable(graph.value_names[value])
    readers = (graph.names[node] for node in graph.readers[value])
    if owner and any(isinstance(name, str) and name.replace("/", ".") == owner for name in readers):
        return owner.parent or None
    return owner


def _without_operator(graph: GraphIndex, value: int, owner: ModulePath) -> ModulePath:
    """Return `owner`; its parent if `owner` is no module but names a node that reads the value.

    The name of the node may have a suffix (`/fc/MatMul_1` for `fc.MatMul`), and its operator may be longer
    than the last atom (`MatMulInteger`). An owner of one atom is returned unchanged.
    """
    last = owner.rfind(".") + 1
    if not last or not owner[last : last + 1].isupper():
        return owner
    above = owner.parent or ROOT
    for node in graph.readers[value]:
        name = graph.names[node]
        named = name.strip("/").replace("/", ".") if isinstance(name, str) else ""
        counted = named.startswith(f"{owner}_") and "." not in named[len(owner) :]
        told = named == owner or counted
        if told and str(graph.operators[node][1]).startswith(owner.name):
            return above
    return owner
