"""The law of slices: Slice and the results of Split are cuts along single axes.

Statement: a Slice equals one `slice(x, axis, first and step, size)` per axis, without those that take a
whole axis; result i of a Split is the slice that begins after the parts before it.
Side conditions: starts, ends, axes and steps are known, steps positive; the size of each cut axis is a
number, or the slice begins at 0 with step 1 and an end that no size exceeds. The parts of a Split are
known and add up to the axis.
Argument: ONNX clamps start and end to 0..size after adding the size to negative ones; cuts along different
axes are independent of each other. All of this holds for empty parts.
"""

from __future__ import annotations

from collections.abc import Sequence

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.terms.sizes import Size, number
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import ABSENT, Node, normal


def cut(terms: Terms, term: int, axis: int, first: int, step: int, size: Size) -> int:
    """Return a part of a term along one axis."""
    dims = terms.dims(term)
    if dims is not None and first == 0 and step == 1 and dims[axis] == size:
        return term
    array = terms.array(term)
    if array is not None and size.number is not None:
        part = slice(first, first + step * size.number, step)
        return terms.constant(array[(slice(None),) * axis + (part,)])
    return terms.make(normal("slice", (axis, (first, step), size), term))


def _slice(node: Node, terms: Terms) -> int | None:
    dims = terms.dims(node.inputs[0])
    bounds = bounds_of(node, terms)
    if dims is None or bounds is None:
        return None
    starts, ends, axes, steps = bounds
    if len({axis % len(dims) for axis in axes if -len(dims) <= axis < len(dims)}) < len(axes):
        return None
    cuts: list[tuple[int, int, int, Size]] = []
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        found = _one(start, end, step, dims[axis])
        if found is None:
            return None
        cuts.append((axis % len(dims), *found))
    term = node.inputs[0]
    for one in sorted(cuts, key=lambda each: each[0]):
        term = cut(terms, term, *one)
    return term


def bounds_of(node: Node, terms: Terms) -> tuple[Sequence[int], ...] | None:
    """Return starts, ends, axes and steps; None if one is unknown."""
    if node.input(1) == ABSENT:
        parts = [node.value(name) for name in ("starts", "ends", "axes")] + [None]
    else:
        parts = [terms.numbers(each) if each != ABSENT else None for each in (*node.inputs[1:5], 0, 0, 0)[:4]]
        stated = [node.input(at) != ABSENT for at in (3, 4)]
        if any(part is None and given for part, given in zip(parts[2:], stated, strict=True)):
            return None
    starts, ends, axes, steps = parts
    if starts is None or ends is None:
        return None
    axes = tuple(range(len(starts))) if axes is None else axes
    steps = (1,) * len(starts) if steps is None else steps
    return (starts, ends, axes, steps) if len({len(starts), len(ends), len(axes), len(steps)}) == 1 else None


def _one(start: int, end: int, step: int, dim: Size) -> tuple[int, int, Size] | None:
    """Return first index, step and size of one cut; None if the size is not certain."""
    if step < 1:
        return None
    if dim.number is None:
        return (0, 1, dim) if start == 0 and step == 1 and end >= 1 << 62 else None
    size = dim.number
    first, last = (min(max(at + size if at < 0 else at, 0), size) for at in (start, end))
    count = max(0, -(-(last - first) // step))
    return (first, step, number(count)) if count else (0, 1, number(0))


def _part_of_split(node: Node, terms: Terms) -> int | None:
    split = terms.node(node.inputs[0], "Split")
    dims = terms.dims(split.inputs[0]) if split is not None else None
    axis = split.value("axis") if split is not None else None  # the first version states no default
    if split is None or dims is None or axis is None or not -len(dims) <= axis < len(dims):
        return None
    axis %= len(dims)
    parts = _parts(split, dims[axis], terms)
    at = node.value("")
    if parts is None or at >= len(parts):
        return None
    return cut(terms, split.inputs[0], axis, sum(parts[:at]), 1, number(parts[at]))


def _parts(split: Node, dim: Size, terms: Terms) -> Sequence[int] | None:
    """Return the sizes of the parts; None if they are not certain."""
    count = split.results if isinstance(split.results, int) else None
    if count is None or dim.number is None:
        return None
    parts: Sequence[int] | None = split.value("split")
    if split.input(1) != ABSENT:
        parts = terms.numbers(split.inputs[1])
    elif parts is None:
        parts = [dim.number // count] * count
    return parts if parts is not None and len(parts) == count and sum(parts) == dim.number else None


SLICES = Law("slices", frozenset({"Slice"}), _slice)
SPLITS = Law("splits", frozenset({"output"}), _part_of_split)
