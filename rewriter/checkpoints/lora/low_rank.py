"""The change of one weight by an adapter: a product of two matrices of low rank, and DoRA's magnitudes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from rewriter.checkpoints.tensors.state_dict import StateTensor
from rewriter.errors import UsageError
from rewriter.model.tensors import Array
from rewriter.paths import ModulePath

_ELEMENTS = 1 << 20
"""Maximum elements of a product that is in memory at a time, unless one row has more."""


@dataclass(frozen=True, slots=True)
class LowRank:
    """The change of the weight of one module.

    Attributes:
        module: the module, in the model that peft adapted.
        a: the matrix that reads the input, (rank, in, ...); of an embedding, (rank, entries).
        b: the matrix that writes the output, (out, rank, ...).
        scale: the factor of their product.
        magnitude: the norms of the rows of the new weight, as DoRA trains them; None for plain LoRA.
        bias: the bias of `b`; None without one.
        is_embedding: whether the weight is that of an embedding, (entries, out).
    """

    module: ModulePath
    a: StateTensor
    b: StateTensor
    scale: float
    magnitude: StateTensor | None = None
    bias: StateTensor | None = None
    is_embedding: bool = False

    @property
    def rank(self) -> int:
        """The rank of the product."""
        return self.a.shape[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weight, if it is not stored as (in, out)."""
        plain = (self.b.shape[0], *self.a.shape[1:])
        return plain[::-1] if self.is_embedding else plain

    def __str__(self) -> str:
        text = f"{self.scale:g} B A, rank {self.rank}"
        return f"{text}, with magnitudes (DoRA)" if self.magnitude else text

    @property
    def is_square(self) -> bool:
        """Whether the shape of the weight does not show if it is stored as (in, out)."""
        return not self.is_embedding and self.shape == self.shape[::-1] and len(self.shape) == 2

    def merged(self, weight: Array, *, turned: bool) -> Array:
        """Return the new weight, in float32, or in float64 if the weight is.

        Args:
            weight: the weight; its shape must fit.
            turned: whether it is stored as (in, out); ignored for an embedding.

        Raises:
            UsageError: the sum is not finite, though the weight is.
        """
        kind = work_type(weight.dtype)
        made = np.array(weight, kind).reshape(weight.shape[0], prod(weight.shape[1:]))
        a = np.asarray(self.a.read(), kind).reshape(self.rank, -1)
        b = np.asarray(self.b.read(), kind).reshape(-1, self.rank)
        by_columns = turned or self.is_embedding
        left, right = (a.T, b.T) if by_columns else (b, a)
        step = max(1, _ELEMENTS // max(1, made.shape[1]))
        with np.errstate(all="ignore"):
            left = left * kind.type(self.scale)
            for start in range(0, len(made), step):
                made[start : start + step] += left[start : start + step] @ right
            if self.magnitude is not None:
                self._rescale(made, by_columns=by_columns)
        if not _is_finite(made, step) and _is_finite(weight.reshape(made.shape), step):
            raise UsageError(
                f"{self.module}: the weight with its adapter is not finite; the scale is {self.scale:g}"
            )
        return made.reshape(weight.shape)

    def _rescale(self, made: Array, *, by_columns: bool) -> None:
        """Give each output of a matrix its magnitude, in place."""
        assert self.magnitude is not None, "it is DoRA"
        norms = np.sqrt(np.einsum("ij,ij->j" if by_columns else "ij,ij->i", made, made))
        factors = np.asarray(self.magnitude.read(), made.dtype).reshape(-1) / norms
        made *= factors if by_columns else factors[:, None]


def work_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in which a weight is merged: float64 for itself, float32 for all others."""
    return np.dtype(np.float64 if dtype == np.float64 else np.float32)


def _is_finite(array: Array, step: int) -> bool:
    return all(bool(np.isfinite(array[at : at + step]).all()) for at in range(0, len(array), step))
