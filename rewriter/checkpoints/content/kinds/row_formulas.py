"""Formulas of rows: ranges and gathers of the rows of a key, zeros, and matrices below each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rewriter.checkpoints.formula import Read
from rewriter.model.tensors import Array


@dataclass(frozen=True, slots=True)
class RowRange:
    """Rows `start` to `start + count` of a key that is read as a matrix of a width."""

    key: str
    width: int
    start: int
    count: int

    @property
    def keys(self) -> tuple[str, ...]:
        """The key."""
        return (self.key,)

    def evaluate(self, read: Read) -> Array:
        """Return the rows, as a matrix."""
        return read(self.key).reshape(-1, self.width)[self.start : self.start + self.count]

    def __str__(self) -> str:
        return f"rows {self.start} to {self.start + self.count} of {self.key}"


@dataclass(frozen=True, slots=True)
class Gathered:
    """Single rows of a key that is read as a matrix of a width."""

    key: str
    width: int
    rows: tuple[int, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The key."""
        return (self.key,)

    def evaluate(self, read: Read) -> Array:
        """Return the rows, as a matrix."""
        return read(self.key).reshape(-1, self.width)[list(self.rows)]

    def __str__(self) -> str:
        shown = ", ".join(map(str, self.rows[:4])) + (", ..." if len(self.rows) > 4 else "")
        return f"rows {shown} of {self.key}"


@dataclass(frozen=True, slots=True)
class Zeros:
    """Rows of zeros that are in no key: the place of a bias that a module does not have."""

    width: int
    count: int

    @property
    def keys(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def evaluate(self, read: Read) -> Array:
        """Return the zeros, as a matrix."""
        return np.zeros((self.count, self.width), np.float32)

    def __str__(self) -> str:
        return f"{self.count} rows of zeros"
