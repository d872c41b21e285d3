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
    """The change of the weight of a module, where it is known whether the weight is stored as (in, out)."""

    low_rank: LowRank
    turned: bool

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor has the right shape."""
        return self.low_rank.fits(shape)

    @property
    def expected(self) -> tuple[int, ...]:
        """The shape of the tensor."""
        return self.low_rank.shape

    def on(self, tensor: StateTensor) -> Callable[[], Array]:
        """Return a function that reads the changed tensor."""
        turned = tensor.shape != self.low_rank.shape or self.turned
        return lambda: self.low_rank.merged(tensor.read(), turned=turned)

    def __str__(self) -> str:
        return f"+ {self.low_rank}"


@dataclass(frozen=True, slots=True)
class BiasChange:
    """The change of the bias of a module: that of the matrix B."""

    added: StateTensor
    scale: float

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor has the right shape."""
        return shape == self.added.shape

    @property
    def expected(self) -> tuple[int, ...]:
        """The shape of the tensor."""
        return self.added.shape

    def on(self, tensor: StateTensor) -> Callable[[], Array]:
        """Return a function that reads the changed tensor."""
        kind = work_type(tensor.dtype)
        return lambda: (
            np.asarray(tensor.read(), kind) + np.asarray(self.added.read(), kind) * kind.type(self.scale)
        )

    def __str__(self) -> str:
        return f"+ {self.scale:g} bias of B"


def changes_of(
    placed: Placed, is_turned: Callable[[str], bool]
) -> Iterator[tuple[str, WeightChange | BiasChange]]:
    """Yield the keys that a module's part of an adapter changes, with the changes.

    Args:
        placed: the part.
        is_turned: tells whether a square matrix is stored as (in, out), by its key.
    """
    change = placed.change
    is_square = len(change.shape) == 2 and change.shape[0] == change.shape[1]
    yield placed.key, WeightChange(change, is_square and is_turned(placed.key))
    if change.bias is not None:
        yield placed.bias, BiasChange(change.bias, change.scale)
