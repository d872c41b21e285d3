"""Finds shapes by onnx's shape inference, in a child process because inference can crash on a bad file.

Shapes that the file states are kept if inference finds none. Large initializers are sent without content,
since inference reads only small ones: target shapes, axes, counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto

from rewriter.basics.nearest import fits_nothing
from rewriter.errors import UsageError
from rewriter.model.operator_set.default_domain import shorten
from rewriter.runtime.child.call import Task, run
from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.child.job import Cause, Ended
from rewriter.runtime.child_limits import current
from rewriter.runtime.inputs.input import evaluate, names_in
from rewriter.runtime.inputs.signature import Known
from rewriter.runtime.weights.inline import bare, with_initializers

_MOST_OPEN = 4
"""Maximum number of open dimensions that a hint names."""
_SMALL = 1 << 10
"""Maximum elements of a tensor that inference may need to read."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """Known types and shapes of a model's values.

    Attributes:
        of: number of a value in the `GraphIndex` -> its known type and shape.
        fault: the reason why inference failed, in one line; then at most stated types are known. None if it
            did not fail.
    """

    of: Mapping[int, Known]
    fault: str | None = None


TASK: Task[Shapes] = Task("rewriter.runtime.infer.shape_task:find_shapes", program="onnx")


def infer_shapes(model: ModelProto, sizes: Mapping[str, int], *, timeout: float | None = None) -> Shapes:
    """Find types and shapes of the values of a model, with the given sizes of symbolic dimensions.

    Args:
        model: the model; not changed.
        sizes: symbolic dimension -> size.
        timeout: seconds; if None, the current limit.
    """
    weightless = with_initializers(model, _if_small)
    shorten(weightless)
    for info in _infos(weightless.graph):
        _fix(info, sizes)
    found = run(TASK, None, {"model": weightless}, timeout=timeout or current().shapes)
    if not isinstance(found, Ended):
        return found
    if found.cause is Cause.TOO_LARGE:
        return Shapes({}, "its structure alone is over 2 GB")
    return Shapes({}, one_line(f"shape inference failed: {found.how}"))


def demand_dimensions(model: ModelProto, sizes: Mapping[str, int], path: object = None) -> None:
    """Refuse sizes for dimensions that the model does not have.

    Args:
        model: the model.
        sizes: symbolic dimension -> size.
        path: name of the model in messages.

    Raises:
        UsageError: a name is neither a dimension nor part of the arithmetic of one.
    """
    if not sizes:
        return
    known = dimension_names(_infos(model.graph))
    messages = [fits_nothing("dimension", name, known) for name in sizes if name not in known]
    if messages:
        raise UsageError(f"{path or 'model'}: {'; '.join(messages)}")


def dimension_names(infos: Iterable[ValueInfoProto]) -> tuple[str, ...]:
    """Return the symbolic dimensions of values and the names in their arithmetic, each once."""
    known: dict[str, None] = {}
    for info in infos:
        for dim in info.type.tensor_type.shape.dim:
            if dim.dim_param:
                known.update(dict.fromkeys(sorted(names_in(dim.dim_param))))
                known[dim.dim_param] = None
    return tuple(known)


def open_sizes(model: ModelProto, sizes: Mapping[str, int]) -> str:
    """Return a hint on the sizes that the inputs of a model leave open; empty if there are none.

    Args:
        model: the model.
        sizes: the given sizes.
    """
    left = [name for name in dimension_names(model.graph.input) if name not in sizes]
    more = f" and {len(left) - _MOST_OPEN} more" if len(left) > _MOST_OPEN else ""
    return f"; give sizes by --dim NAME=SIZE for {', '.join(left[:_MOST_OPEN])}{more}" if left else ""


def _if_small(tensor: TensorProto) -> TensorProto:
    """Return the tensor, without its content if it is large or external."""
    small = prod(tensor.dims) <= _SMALL and tensor.data_location != TensorProto.EXTERNAL
    return tensor if small else bare(tensor)


def _infos(graph: GraphProto) -> list[ValueInfoProto]:
    return [*graph.input, *graph.value_info, *graph.output]


def _fix(info: ValueInfoProto, sizes: Mapping[str, int]) -> None:
    """Replace symbolic dimensions with their given sizes."""
    if info.type.WhichOneof("value") != "tensor_type" or not sizes:
        return
    for dim in info.type.tensor_type.shape.dim:
        size = evaluate(dim.dim_param, sizes) if dim.dim_param else None
        if size is not None and size >= 0:
            dim.dim_value = size
