"""Converts the sample inputs of a trace to inputs of a file, or draws inputs if there are no samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import onnx

from rewriter.errors import UsageError
from rewriter.evidence.trace.recording import Trace
from rewriter.runtime.inputs.feeds import Array
from rewriter.runtime.inputs.input import FeedError, Input
from rewriter.runtime.inputs.planning import plan
from rewriter.runtime.inputs.signature import signature

_TRIES = 4
"""Maximum choices of sizes to try: a graph may need one certain size where its inputs declare none."""
_PADDED = 1
"""Number of the first input set whose masks are not all ones: constant inputs identify few values."""


def feeds_of(model: onnx.ModelProto, trace: Trace, what: str = "--trace") -> dict[str, Array]:
    """Return an array for every input of the model: by name if all are given by name, else in order.

    In order, samples that do not fit the next input of the model (kind of type, rank, sizes) are skipped:
    exporters drop inputs that nothing reads. Arrays are converted to the type of the input, for example in a
    model in half precision. `what` is the name of the trace in messages.

    Raises:
        UsageError: the trace has no fitting array for an input of the model, or the input is no dense tensor
            of a known type.
    """
    try:
        inputs = signature(model)
    except FeedError as error:
        raise UsageError(f"{what}: {error}") from None
    by_name = dict(trace.inputs)
    if all(each.name in by_name for each in inputs):
        chosen = [by_name[each.name] for each in inputs]
        for each, array in zip(inputs, chosen, strict=True):
            if not _fits(each, array):
                raise _misfit(what, each, [array])
    else:
        chosen = list(_in_order(what, inputs, [array for _, array in trace.inputs]))
    return {
        each.name: array.astype(onnx.helper.tensor_dtype_to_np_dtype(each.element), copy=False)
        for each, array in zip(inputs, chosen, strict=True)
    }


def drawn(model: onnx.ModelProto, what: str = "--trace") -> Iterator[dict[str, Array]]:
    """Yield inputs for a model without samples: random numbers of several sizes, the likeliest first.

    `what` is the name of the trace in messages.

    Raises:
        UsageError: an input is no dense tensor, or too large.
    """
    try:
        found = plan(model)
        for choice in found.choices()[:_TRIES]:
            yield found.fill(choice, _PADDED)
    except FeedError as error:
        raise UsageError(f"{what}: {error}; give sample inputs beside the module") from None


def _in_order(what: str, inputs: Sequence[Input], arrays: Sequence[Array]) -> Iterator[Array]:
    rest = list(arrays)
    for each in inputs:
        spare = len(rest) - (len(inputs) - inputs.index(each))
        fitting = [position for position, array in enumerate(rest[: spare + 1]) if _fits(each, array)]
        if not fitting:
            raise _misfit(what, each, arrays)
        yield rest[fitting[0]]
        rest = rest[fitting[0] + 1 :]


def _misfit(what: str, each: Input, arrays: Sequence[Array]) -> UsageError:
    given = ", ".join(f"{array.dtype}{list(array.shape)}" for array in arrays)
    sizes = ["?" if size is None else size for size in each.dims or ()]
    wanted = f"{onnx.helper.tensor_dtype_to_np_dtype(each.element)}{sizes if each.dims is not None else ''}"
    return UsageError(
        f"{what}: no sample input fits input {each.name!r} of the model, {wanted}; given are {given}"
    )


def _fits(each: Input, array: Array) -> bool:
    wanted = onnx.helper.tensor_dtype_to_np_dtype(each.element)
    for kinds in ("b", "iu"):  # a type that is neither is a float, whatever numpy calls it
        if (wanted.kind in kinds) != (array.dtype.kind in kinds):
            return False
    if each.dims is None:
        return True
    if len(each.dims) != array.ndim:
        return False
    sizes = zip(each.dims, array.shape, strict=True)
    return all(not isinstance(size, int) or size == have for size, have in sizes)
