"""Shapes of results of Reshape, Squeeze, Unsqueeze and Flatten."""

from __future__ import annotations

from collections.abc import Sequence

from rewriter.proof.laws.terms.sizes import ONE, ZERO, Dims, Size, number, product
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import ABSENT, Node

Open = tuple[Size | None, ...]
_REST = number(-1)


def reshaped(node: Node, dims: Dims, terms: Terms) -> Open | None:
    """Return the shape of the result of a node that keeps the order of the elements."""
    match node.operator:
        case "Reshape":
            return _reshape(node, dims, terms)
        case "Flatten":
            axis = node.value("axis")
            if not -len(dims) <= axis <= len(dims):
                return None
            axis += len(dims) if axis < 0 else 0
            return product(dims[:axis]), product(dims[axis:])
        case "Squeeze":
            return _squeeze(_axes(node, terms), dims)
    return _unsqueeze(_axes(node, terms), dims)


def _axes(node: Node, terms: Terms) -> Sequence[int] | None:
    """Return the axes of a Squeeze or Unsqueeze; () if there are none, None if they are unknown."""
    if node.input(1) == ABSENT:
        axes: tuple[int, ...] = node.value("axes", ())
        return axes
    return terms.numbers(node.inputs[1])


def _squeeze(axes: Sequence[int] | None, dims: Dims) -> Open | None:
    if axes is None:
        return None
    if axes:
        gone = {axis % len(dims) for axis in axes if -len(dims) <= axis < len(dims)}
        return tuple(dim for at, dim in enumerate(dims) if at not in gone) if len(gone) == len(axes) else None
    if any(dim.number is None for dim in dims):
        return None
    return tuple(dim for dim in dims if dim != ONE)


def _unsqueeze(axes: Sequence[int] | None, dims: Dims) -> Open | None:
    if axes is None:
        return None
    rank = len(dims) + len(axes)
    new = {axis % rank for axis in axes if -rank <= axis < rank}
    if len(new) != len(axes):
        return None
    left = iter(dims)
    return tuple(ONE if at in new else next(left) for at in range(rank))


def _reshape(node: Node, dims: Dims, terms: Terms) -> Open | None:
    """Return the shape of a Reshape's result.

    An entry of 0 takes the size of the input at its place, unless `allowzero` is set. A symbol may be 0, too.
    So an entry with symbols counts only if it is certain to be 0 in no other case than the size at its place.
    """
    wanted = terms.integers(node.input(1)) if node.input(1) != ABSENT else node.value("shape")
    if wanted is None:
        return _of_known_rank(node, terms)
    entries = [each if isinstance(each, Size) else number(each) for each in wanted]
    copies = not node.value("allowzero", 0)
    found: list[Size] = []
    for at, entry in enumerate(entries):
        if entry == ZERO and copies:
            if at >= len(dims):
                return None
            found.append(dims[at])
        elif (
            entry == _REST
            or (entry.number or 0) > 0
            or (entry == ZERO and not copies)
            or (entry.is_product and (not copies or at >= len(dims) or _zero_together(entry, dims[at])))
        ):
            found.append(entry)
        else:
            return tuple(None for _ in entries)
    if found.count(_REST) > 1:
        return None
    if _REST not in found:
        return tuple(found)
    rest = product(dims).divided_by(product(size for size in found if size != _REST))
    return tuple(rest if size == _REST else size for size in found)


def _zero_together(entry: Size, dim: Size) -> bool:
    """Whether a dimension is 0 whenever an entry with symbols is 0."""
    return dim == ZERO or (len(dim.parts) == 1 and entry.symbols <= dim.symbols)


def _of_known_rank(node: Node, terms: Terms) -> Open | None:
    shape = terms.dims(node.input(1)) if node.input(1) != ABSENT else None
    count = shape[0].number if shape is not None and len(shape) == 1 else None
    return None if count is None else (None,) * count
