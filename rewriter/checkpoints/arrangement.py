"""Formulas for tensors that hold several parameters, or one with its rows in another order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rewriter.checkpoints.formula import Formula, OfOne, Read
from rewriter.model.tensors import Array


@dataclass(frozen=True, slots=True)
class Joined:
    """Formulas behind each other along an axis."""

    parts: tuple[Formula, ...]
    axis: int

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all parts."""
        return tuple(dict.fromkeys(key for part in self.parts for key in part.keys))

    def evaluate(self, read: Read) -> Array:
        """Return the concatenation.

        Raises:
            ValueError: the shapes do not fit.
        """
        return np.concatenate([part.evaluate(read) for part in self.parts], self.axis)

    def __str__(self) -> str:
        return f"{', '.join(map(str, self.parts))} joined along axis {self.axis}"


@dataclass(frozen=True, slots=True)
class Expanded(OfOne):
    """A formula that is repeated to a larger shape, as `numpy.broadcast_to` does."""

    shape: tuple[int, ...]

    def evaluate(self, read: Read) -> Array:
        """Return the repeated tensor.

        Raises:
            ValueError: its shape does not fit.
        """
        return np.broadcast_to(self.of.evaluate(read), self.shape)

    def __str__(self) -> str:
        return f"{self.of} repeated to {'x'.join(map(str, self.shape))}"


@dataclass(frozen=True, slots=True)
class Gates(OfOne):
    """A formula whose first axis has the gates of a recurrent layer, in another order."""

    order: tuple[int, ...]

    def evaluate(self, read: Read) -> Array:
        """Return the tensor with its gates in the order.

        Raises:
            ValueError: the first axis has no equal number of rows for each gate.
        """
        gates = np.split(self.of.evaluate(read), len(self.order))
        return np.concatenate([gates[number] for number in self.order])

    def __str__(self) -> str:
        return f"{self.of} with gates {', '.join(map(str, self.order))}"
