"""Plans the inputs of a model from its signature and graph."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import onnx

from rewriter.model.tensors import array_of
from rewriter.runtime.inputs.call_frames import Frames
from rewriter.runtime.inputs.feeds import Array, Plan
from rewriter.runtime.inputs.indices import bounds
from rewriter.runtime.inputs.input import Dim, FeedError, Input
from rewriter.runtime.inputs.signature import signature
from rewriter.runtime.inputs.trip_counts import rounds

_MOST_IN_A_SHAPE = 8
_LARGEST = 4096


def plan(model: onnx.ModelProto, other: onnx.ModelProto | None = None) -> Plan:
    """Return the input plan of a model. The only weights read are small constants stored in the file.

    Args:
        model: the model.
        other: a model to run on the same arrays; the sizes that it states count, too.

    Raises:
        FeedError: an input is no dense tensor or has no known element type, or no array fits both models.
    """
    inputs = signature(model)
    if other is not None:
        inputs = _narrowed(inputs, signature(other))
    frames = Frames(model)
    return Plan(inputs, bounds(frames, inputs), _shape_constants(model), rounds(frames, inputs))


def _narrowed(inputs: tuple[Input, ...], others: tuple[Input, ...]) -> tuple[Input, ...]:
    """Return the inputs with the sizes that either model states; match them by name, else by position."""
    named = {each.name: each for each in others}
    if len(inputs) == len(others) and named.keys() != {each.name for each in inputs}:
        named = {ours.name: theirs for ours, theirs in zip(inputs, others, strict=True)}
    return tuple(_both(each, named[each.name]) if each.name in named else each for each in inputs)


def _both(ours: Input, theirs: Input) -> Input:
    if ours.element != theirs.element:
        raise FeedError(f"input {ours.name!r} has another element type in the other model")
    if ours.dims is None or theirs.dims is None:
        return ours if theirs.dims is None else replace(ours, dims=theirs.dims)
    fixed = [(a, b) for a, b in zip(ours.dims, theirs.dims, strict=False)]
    clash = any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in fixed)
    if clash or len(ours.dims) != len(theirs.dims):
        raise FeedError(
            f"input {ours.name!r} is {_shape(ours.dims)} in one model and {_shape(theirs.dims)} in the other"
        )
    return replace(ours, dims=tuple(b if isinstance(b, int) else a for a, b in fixed))


def _shape(dims: Sequence[Dim]) -> str:
    return " x ".join("?" if dim is None else str(dim) for dim in dims) or "a scalar"


def draw(model: onnx.ModelProto, *, sets: int = 3, seed: int = 0) -> list[dict[str, Array]]:
    """Draw input sets at the first choices of sizes; sets differ in data and, while choices last, in sizes.

    The sizes may not suit the graph (a constant in a Reshape may need others). A caller that can run the
    model tries `Plan.choices` one by one until one works.

    Raises:
        FeedError: an input is no dense tensor, or too large; or no sizes satisfy the dimensions.
    """
    drawn = plan(model)
    found = drawn.choices()
    if not found:
        raise FeedError("no sizes satisfy the dimensions of the inputs")
    alike = [choice for choice in found if choice.like(found[0])]
    return [drawn.fill(alike[number % len(alike)], number, seed=seed) for number in range(sets)]


def _shape_constants(model: onnx.ModelProto) -> tuple[int, ...]:
    """Return at most 16 numbers from small int64 tensors of the main graph, the most frequent first.

    They lie between 2 and `_LARGEST` - 1, and come from initializers and attributes `value` of Constants.

    Some are sizes: an export may declare a dimension dynamic and still have its traced size in a Reshape.
    """
    tensors = [*model.graph.initializer]
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute:
            tensors.append(node.attribute[0].t)
    found: Counter[int] = Counter()
    for tensor in tensors:
        small = tensor.data_type == onnx.TensorProto.INT64 and math.prod(tensor.dims) <= _MOST_IN_A_SHAPE
        array = array_of(tensor, None) if small else None
        if array is not None:
            found.update(size for size in map(int, array.flat) if 1 < size < _LARGEST)
    return tuple(size for size, _ in found.most_common(16))
