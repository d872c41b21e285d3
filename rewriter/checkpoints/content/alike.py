"""Formula: several formulas that agree on the old checkpoint, of which nothing shows the right one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from rewriter.checkpoints.content.rounding import is_close
from rewriter.checkpoints.formula import Formula, Read
from rewriter.model.tensors import Array


@dataclass(frozen=True, slots=True)
class Alike:
    """Formulas with equal values on the old checkpoint; they have to be equal on the new one as well.

    Tied weights are: they stay equal in every checkpoint. Two biases that are still zero are not. A file
    of weights may lack all but one of several tied keys, as safetensors files do.
    """

    formulas: tuple[Formula, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all formulas."""
        return tuple(dict.fromkeys(key for formula in self.formulas for key in formula.keys))

    def evaluate(self, read: Read) -> Array:
        """Return the common value of the formulas.

        Raises:
            ValueError: the values differ, so the tensor is not determined.
            KeyError: the checkpoint has the keys of no formula.
        """
        first: tuple[Formula, Array] | None = None
        for formula in self.formulas:
            try:
                value = formula.evaluate(read)
            except KeyError:
                continue
            first = first or (formula, value)
            if not _agree(value, first[1]):
                raise ValueError(f"ambiguous: {first[0]}, or {formula}; these differ")
        if first is None:
            raise KeyError(self.keys[0])
        return first[1]

    def __str__(self) -> str:
        return " or ".join(map(str, self.formulas))


def _agree(left: Array, right: Array) -> bool:
    """Whether two values are equal: bit for bit if both are read, up to rounding if they are computed."""
    if left.dtype == right.dtype != np.float64:
        return np.array_equal(left, right)
    return is_close(left, right.astype(np.float32))


def alike(formulas: Iterable[Formula]) -> Formula:
    """Return the formula, or the one that stands for all of several."""
    distinct = tuple(dict.fromkeys(formulas))
    return distinct[0] if len(distinct) == 1 else Alike(distinct)
