"""Formulas: a tensor of the model as a function of the tensors of a checkpoint.

A formula is data: it can be printed, compared, and evaluated on another checkpoint with the same keys.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rewriter.model.tensors import Array

Read = Callable[[str], Array]
"""Reads the tensor of a key from a checkpoint; the caller keeps no more tensors in memory than it needs."""


class Formula(Protocol):
    """A tensor of the model as a function of the tensors of a checkpoint."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that it reads."""

    def evaluate(self, read: Read) -> Array:
        """Return the tensor; its shape and type are those of the result, not yet those of the initializer."""

    def __str__(self) -> str:
        """Return the formula as text, such as `transposed encoder.layer.0.query.weight`."""


@dataclass(frozen=True, slots=True)
class Key:
    """One tensor of the checkpoint as it is."""

    name: str

    @property
    def keys(self) -> tuple[str, ...]:
        """The key."""
        return (self.name,)

    def evaluate(self, read: Read) -> Array:
        """Return the tensor of the checkpoint."""
        return read(self.name)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class OfOne:
    """Base of the formulas of one other formula."""

    of: Formula

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the inner formula."""
        return self.of.keys


@dataclass(frozen=True, slots=True)
class Permuted(OfOne):
    """A formula with its axes in another order."""

    axes: tuple[int, ...]

    def evaluate(self, read: Read) -> Array:
        """Return the tensor with its axes permuted, as `numpy.transpose` does."""
        return np.transpose(self.of.evaluate(read), self.axes)

    def __str__(self) -> str:
        if self.axes == (1, 0):
            return f"transposed {self.of}"
        return f"{self.of} with axes {', '.join(map(str, self.axes))}"


@dataclass(frozen=True, slots=True)
class Reshaped(OfOne):
    """A formula in another shape, with its elements in the same order."""

    shape: tuple[int, ...]

    def evaluate(self, read: Read) -> Array:
        """Return the tensor in the shape.

        Raises:
            ValueError: the number of elements differs.
        """
        return self.of.evaluate(read).reshape(self.shape)

    def __str__(self) -> str:
        return f"{self.of} as {'x'.join(map(str, self.shape))}"
