"""Shapes of results, for operators that make another shape of their first input."""

from __future__ import annotations

from collections.abc import Callable

from rewriter.proof.laws.terms import windows
from rewriter.proof.laws.terms.broadcasting import Open, broadcast
from rewriter.proof.laws.terms.reshaping import reshaped
from rewriter.proof.laws.terms.sizes import ONE, Dims, number
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import ABSENT, Node

_SLICE_BY_INPUTS = 10


def _matmul(node: Node, left: Dims, terms: Terms) -> Open | None:
    right = terms.dims(node.inputs[1])
    if right is None or not left or not right:
        return None
    rows = left[-2:-1] if len(left) > 1 else ()
    columns = right[-1:] if len(right) > 1 else ()
    outer = broadcast([left[:-2], right[:-2]])
    return None if outer is None else (*outer, *rows, *columns)


def _gemm(node: Node, left: Dims, terms: Terms) -> Open | None:
    right = terms.dims(node.inputs[1])
    if right is None or len(left) != 2 or len(right) != 2:
        return None
    return left[1 if node.value("transA") else 0], right[0 if node.value("transB") else 1]


def _permute(node: Node, dims: Dims, terms: Terms) -> Open | None:
    perm = node.value("" if node.operator == "permute" else "perm") or tuple(reversed(range(len(dims))))
    return tuple(dims[at] for at in perm) if sorted(perm) == list(range(len(dims))) else None


def _concat(node: Node, first: Dims, terms: Terms) -> Open | None:
    shapes = [terms.dims(each) for each in node.inputs]
    axis = node.value("axis")
    if axis is None or any(each is None or len(each) != len(first) for each in shapes):
        return None
    if not -len(first) <= axis < len(first):
        return None
    axis %= len(first)
    total = number(0)
    for each in shapes:
        total = total + each[axis] if each is not None else total
    return *first[:axis], total, *first[axis + 1 :]


def _gather(node: Node, data: Dims, terms: Terms) -> Open | None:
    indices, axis = terms.dims(node.inputs[1]), node.value("axis")
    if indices is None or not -len(data) <= axis < len(data):
        return None
    axis %= len(data)
    return *data[:axis], *indices, *data[axis + 1 :]


def _reduce(node: Node, dims: Dims, terms: Terms) -> Open | None:
    given = node.input(1) != ABSENT
    axes = terms.numbers(node.inputs[1]) if given else node.value("axes")
    if not axes and not given and node.value("noop_with_empty_axes"):
        return dims
    if (given and not axes) or any(not -len(dims) <= axis < len(dims) for axis in axes or ()):
        return None
    reduced = {axis % len(dims) for axis in axes} if axes else set(range(len(dims)))
    if node.value("keepdims"):
        return tuple(ONE if at in reduced else dim for at, dim in enumerate(dims))
    return tuple(dim for at, dim in enumerate(dims) if at not in reduced)


def _slice(node: Node, dims: Dims, terms: Terms) -> Open | None:
    axis, _, size = node.value("")
    return *dims[:axis], size, *dims[axis + 1 :]


def _part(node: Node, dims: Dims, terms: Terms) -> Open | None:
    axes = node.value("axes")
    if node.version >= _SLICE_BY_INPUTS:
        axes = terms.numbers(node.input(3)) if node.input(3) != ABSENT else None
    cut = {axis % len(dims) for axis in axes if -len(dims) <= axis < len(dims)} if axes else range(len(dims))
    return tuple(None if at in cut else dim for at, dim in enumerate(dims))


def _range(node: Node, first: Dims, terms: Terms) -> Open | None:
    bounds = [terms.integers(each) for each in node.inputs]
    if any(each is None or len(each) != 1 for each in bounds):
        return (None,)
    (start,), (limit,), (step,) = (each or () for each in bounds)
    return (limit - start if step == ONE and (limit - start).is_natural else None,)


def _constant_of_shape(node: Node, first: Dims, terms: Terms) -> Open | None:
    return terms.integers(node.inputs[0])


def _same_as_second(node: Node, first: Dims, terms: Terms) -> Open | None:
    return terms.dims(node.inputs[1])


def _expand(node: Node, dims: Dims, terms: Terms) -> Open | None:
    return broadcast([dims, terms.integers(node.inputs[1])])


def _tile(node: Node, dims: Dims, terms: Terms) -> Open | None:
    repeats = terms.integers(node.inputs[1])
    if repeats is None or len(repeats) != len(dims):
        return tuple(None for _ in dims)
    return tuple(dim * times for dim, times in zip(dims, repeats, strict=True))


def _arg(node: Node, dims: Dims, terms: Terms) -> Open | None:
    axis = node.value("axis")
    if not -len(dims) <= axis < len(dims):
        return None
    axis %= len(dims)
    return *dims[:axis], *((ONE,) if node.value("keepdims") else ()), *dims[axis + 1 :]


def _gather_nd(node: Node, data: Dims, terms: Terms) -> Open | None:
    indices, batch = terms.dims(node.inputs[1]), node.value("batch_dims", 0)
    depth = indices[-1].number if indices else None
    if not indices or depth is None or batch + depth > len(data):
        return None
    return *indices[:-1], *data[batch + depth :]


def _resize(node: Node, dims: Dims, terms: Terms) -> Open | None:
    sizes = terms.integers(node.input(3)) if node.input(3) != ABSENT else None
    stretched = node.value("keep_aspect_ratio_policy", b"stretch") == b"stretch"
    if sizes is None or len(sizes) != len(dims) or not stretched or node.value("axes") is not None:
        return tuple(None for _ in dims)
    return sizes


RULES: dict[str, Callable[[Node, Dims, Terms], Open | None]] = {
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Transpose": _permute,
    "permute": _permute,
    "Concat": _concat,
    "Gather": _gather,
    "Expand": _expand,
    "Tile": _tile,
    "GatherND": _gather_nd,
    "ArgMax": _arg,
    "ArgMin": _arg,
    "Resize": _resize,
    "ConvTranspose": windows.conv_transpose,
    "slice": _slice,
    "Slice": _part,
    "Range": _range,
    "ConstantOfShape": _constant_of_shape,
    "GatherElements": _same_as_second,
    "Conv": windows.conv,
    "MaxPool": windows.pool,
    "AveragePool": windows.pool,
    "Pad": windows.pad,
    "GlobalAveragePool": windows.whole,
    "GlobalMaxPool": windows.whole,
    **dict.fromkeys(("Reshape", "Squeeze", "Unsqueeze", "Flatten"), reshaped),
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL2"), _reduce),
}
