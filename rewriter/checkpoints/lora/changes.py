"""Changes of the tensors of one module by an adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from rewriter.checkpoints.lora.low_rank import LowRank, work_type
from rewriter.checkpoints.tensors.state_dict import StateTensor
from rewriter.model.tensors import Array


@dataclass(frozen=True, slots=True)
class Placed:
    """The change of a weight, and its key.

    Attributes:
        change: the change.
        key: the key of the weight.
    """

    change: LowRank
    key: str

    @property
    def bias(self) -> str:
        """The key of the bias of the same module."""
        return f"{self.key.removesuffix('weight')}bias"


@dataclass(frozen=True, slots=True)
class WeightChange:
    """The change of the weight of a module.

    Attributes:
        low_rank: the product that is added.
        turned: whether a matrix is stored as (in, out); None if that is not known.
    """

    low_rank: LowRank
    turned: bool | None

    def misfit(self, shape: tuple[int, ...]) -> str | None:
        """Return the reason why a tensor cannot be changed; None if it can."""
        expected = self.low_rank.shape
        if shape == expected and self.low_rank.is_square and self.turned is None:
            return "it is square, and the file does not show whether it is stored as (in, out)"
        is_reverse = len(shape) == 2 and shape == expected[::-1] and not self.low_rank.is_embedding
        fits = shape == expected or (is_reverse and self.turned is not False)
        return None if fits else _unlike(shape, expected)

    def on(self, tensor: StateTensor) -> Callable[[], Array]:
        """Return a function that reads the changed tensor."""
        is_reverse = tensor.shape != self.low_rank.shape
        turned = is_reverse or (self.low_rank.is_square and bool(self.turned))
        return lambda: self.low_rank.merged(tensor.read(), turned=turned)

    def __str__(self) -> str:
        return f"+ {self.low_rank}"


@dataclass(frozen=True, slots=True)
class BiasChange:
    """The change of the bias of a module: that of the matrix B."""

    added: StateTensor
    scale: float

    def misfit(self, shape: tuple[int, ...]) -> str | None:
        """Return the reason why a tensor cannot be changed; None if it can."""
        return None if shape == self.added.shape else _unlike(shape, self.added.shape)

    def on(self, tensor: StateTensor) -> Callable[[], Array]:
        """Return a function that reads the changed tensor."""
        kind = work_type(tensor.dtype)
        return lambda: (
            np.asarray(tensor.read(), kind) + np.asarray(self.added.read(), kind) * kind.type(self.scale)
        )

    def __str__(self) -> str:
        return f"+ {self.scale:g} bias of B"


def changes_of(
    placed: Placed, is_turned: Callable[[str], bool | None]
) -> Iterator[tuple[str, WeightChange | BiasChange]]:
    """Yield the keys that a module's part of an adapter changes, with the changes.

    Args:
        placed: the part.
        is_turned: tells whether a matrix is stored as (in, out), by its key; None if that is not known.
    """
    change = placed.change
    yield placed.key, WeightChange(change, is_turned(placed.key))
    if change.bias is not None:
        yield placed.bias, BiasChange(change.bias, change.scale)


def _unlike(shape: tuple[int, ...], expected: tuple[int, ...]) -> str:
    there, here = ("x".join(map(str, each)) or "a scalar" for each in (shape, expected))
    return f"it is {there}, and the adapter changes {here}"
