"""Kind: a tensor of any other kind, repeated along some axes, as `expand` before an addition leaves it."""

from __future__ import annotations

from collections.abc import Callable

from rewriter.checkpoints.arrangement import Expanded
from rewriter.checkpoints.formula import Formula
from rewriter.model.tensors import Array


def repeated(target: Array, find: Callable[[Array], list[Formula]]) -> list[Formula]:
    """Return the formulas of one slice of a target that is equal along some axes; none for other targets.

    Args:
        target: the tensor.
        find: finds the formulas of the slice.
    """
    inner = target
    for axis in range(target.ndim):
        first = inner.take([0], axis)
        if bool((inner == first).all()):
            inner = first
    if inner.shape == target.shape:
        return []
    return [Expanded(formula, target.shape) for formula in find(inner)]
