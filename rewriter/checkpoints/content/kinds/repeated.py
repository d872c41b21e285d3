"""Kind: a tensor of any other kind, repeated along some axes, as `expand` before an addition leaves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rewriter.checkpoints.formula import Formula, Read
from rewriter.model.tensors import Array


@dataclass(frozen=True, slots=True)
class Repeated:
    """A formula, repeated along its axes of size 1."""

    of: Formula
    shape: tuple[int, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the inner formula."""
        return self.of.keys

    def evaluate(self, read: Read) -> Array:
        """Return the tensor in the larger shape."""
        return np.broadcast_to(self.of.evaluate(read), self.shape)

    def __str__(self) -> str:
        return f"{self.of} repeated to {'x'.join(map(str, self.shape))}"


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
    return [Repeated(formula, target.shape) for formula in find(inner)]
