"""The types of values that a file does not state: inferred in a child process, since inference can crash.

onnx's shape inference comes first; what it cannot tell (operators of runtimes, say) onnxruntime tells where
it makes a session of the model. Large weights stay here: their shapes are all that inference needs.

    model.onnx      structure                 asked.json      names of values, positions of nodes
    types.onnx      a graph without nodes whose outputs have the types
    refused.json    those of the nodes that onnxruntime takes in no function
    fault           why onnxruntime makes no session of the model, where it makes none
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.message import DecodeError, EncodeError
from onnx import ModelProto, ValueInfoProto

from rewriter.model.spelling import shorten
from rewriter.runtime.overloads import misread
from rewriter.runtime.sessions import in_child, scratch, why_failed
from rewriter.runtime.weights import copy_but, outline

_WORKER = "rewriter.runtime.value_types_worker"
FAULT = "fault"
REFUSED = "refused.json"
"""The file with the positions, in the main graph, of nodes that no function may hold."""
_MADE_UP = "unk__"
"""How shape inference begins the names of dimensions that it makes up."""


@dataclass(frozen=True, slots=True)
class Told:
    """What runtimes tell of a model.

    Attributes:
        types: value of the main graph -> its type; values that nobody can tell are left out.
        refused: positions, in the main graph, of nodes that onnxruntime takes in no function.
        fault: why onnxruntime makes no session of the model; None where it does.
    """

    types: Mapping[str, ValueInfoProto] = field(default_factory=dict)
    refused: frozenset[int] = frozenset()
    fault: str | None = None


def infer_types(
    model: ModelProto, wanted: Sequence[str], *, timeout: float = 600.0
) -> Mapping[str, ValueInfoProto]:
    """The types of values of the main graph by name; those that nobody can tell are left out.

    Args:
        model: the model; it is not changed.
        wanted: the names.
        timeout: seconds; after that nothing is told.
    """
    return ask(model, wanted, timeout=timeout).types


def ask(
    model: ModelProto, wanted: Sequence[str], nodes: Sequence[int] = (), *, timeout: float = 600.0
) -> Told:
    """The types of values, the nodes that onnxruntime takes in no function, and whether it takes the model.

    Args:
        model: the model; it is not changed.
        wanted: the names of the values.
        nodes: positions in the main graph of the nodes to try.
        timeout: seconds; after that nothing more is told.
    """
    if reason := misread(model):
        return Told(fault=reason)
    names = list(wanted)
    for node in (model.graph.node[position] for position in nodes):
        names += [name for name in node.input if name]
    with scratch() as place:
        asked = {"names": list(dict.fromkeys(names)), "nodes": list(nodes)}
        (place / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
        try:
            (place / "model.onnx").write_bytes(_without_weights(model).SerializeToString())
        except (EncodeError, ValueError):
            return Told(fault="its structure alone is over 2 GB")
        code = in_child(_WORKER, place, timeout)
        found = ModelProto()
        try:
            found.ParseFromString((place / "types.onnx").read_bytes())
        except (OSError, DecodeError):
            return Told(fault=why_failed(place, code))
        return Told(
            {info.name: info for info in found.graph.output},
            frozenset(json.loads(_text(place / REFUSED, "[]"))),
            _text(place / FAULT, "") or None,
        )


def _text(path: Path, otherwise: str) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else otherwise


def stated(info: ValueInfoProto) -> ValueInfoProto:
    """What of an inferred type can be said in a file: no names of dimensions that inference made up."""
    result = ValueInfoProto(name=info.name, type=info.type)
    for dim in result.type.tensor_type.shape.dim if result.type.HasField("tensor_type") else ():
        if dim.dim_param.startswith(_MADE_UP):
            dim.Clear()
    return result


def _without_weights(model: ModelProto) -> ModelProto:
    """A copy whose large inline weights are said to lie elsewhere, where inference does not look."""
    copy = ModelProto()
    copy_but(model, copy, "graph")
    copy_but(model.graph, copy.graph, "initializer")
    copy.graph.initializer.extend(outline(tensor) for tensor in model.graph.initializer)
    shorten(copy)
    return copy
