"""Infers types of values that a file does not state, in a child process because inference can crash.

onnx's shape inference comes first. Types that it cannot infer (of operators that only runtimes know) come
from onnxruntime, if it loads the model. Large `raw_data` of initializers is not sent: inference needs only
their shapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from onnx import ModelProto, ValueInfoProto

from rewriter.model.operator_set.default_domain import shorten
from rewriter.runtime.child.call import Task, run
from rewriter.runtime.child.job import Cause, Ended
from rewriter.runtime.weights.inline import outline, with_initializers

_MADE_UP = "unk__"
"""Prefix of the dimension names that shape inference makes up."""


@dataclass(frozen=True, slots=True)
class TypeRequest:
    """Request for types: names of values, and positions in the main graph of nodes to try in functions."""

    names: tuple[str, ...]
    nodes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RuntimeTypes:
    """Types and loading errors that runtimes report on a model.

    Attributes:
        types: requested value of the main graph -> its type; values of unknown type, and initializers that
            are no inputs, are left out.
        refused: positions, in the main graph, of nodes that onnxruntime refuses in functions.
        fault: the reason why onnxruntime does not load the model; None if it does, or was not tried because
            onnx inferred all types and no nodes were to be tried.
    """

    types: Mapping[str, ValueInfoProto] = field(default_factory=dict)
    refused: frozenset[int] = frozenset()
    fault: str | None = None


TASK: Task[RuntimeTypes] = Task("rewriter.runtime.infer.type_task:tell_types")


def infer_types(
    model: ModelProto, wanted: Sequence[str], *, timeout: float = 600.0
) -> Mapping[str, ValueInfoProto]:
    """Infer the types of values of the main graph, by name.

    Values of unknown type, and initializers that are no inputs, are left out.

    Args:
        model: the model; it is not changed.
        wanted: the names.
        timeout: seconds; after that, the types found so far are returned.
    """
    return ask(model, wanted, timeout=timeout).types


def ask(
    model: ModelProto, wanted: Sequence[str], nodes: Sequence[int] = (), *, timeout: float = 600.0
) -> RuntimeTypes:
    """Infer types, find nodes that onnxruntime refuses in functions, and test whether it loads the model.

    Args:
        model: the model; it is not changed.
        wanted: the names of the values; those that `nodes` read are added.
        nodes: positions in the main graph of the nodes to try in functions.
        timeout: seconds; then the results so far are returned.
    """
    names = list(wanted)
    for node in (model.graph.node[position] for position in nodes):
        names += [name for name in node.input if name]
    light = with_initializers(model, outline)
    shorten(light)
    request = TypeRequest(tuple(dict.fromkeys(names)), tuple(nodes))
    found = run(TASK, request, {"model": light}, timeout=timeout)
    if not isinstance(found, Ended):
        return found
    if found.cause is Cause.TOO_LARGE:
        return RuntimeTypes(fault="its structure alone is over 2 GB")
    return found.partial or RuntimeTypes(fault=found.how)


def stated(info: ValueInfoProto) -> ValueInfoProto:
    """Return an inferred type for a file to state: without the dimension names that inference made up."""
    result = ValueInfoProto(name=info.name, type=info.type)
    for dim in result.type.tensor_type.shape.dim if result.type.HasField("tensor_type") else ():
        if dim.dim_param.startswith(_MADE_UP):
            dim.Clear()
    return result
