"""Kind: a weight times a factor for each row or column: a layer with a folded batch norm.

Candidates are the tensors whose probes have one ratio to the target in each row (or column). The factors are
then looked for as any other vector: the scale of a batch norm, a key, a function of one. Verified on all
elements up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rewriter.checkpoints.content.kinds.derived import NormScale
from rewriter.checkpoints.content.kinds.functions import ElementFunctions
from rewriter.checkpoints.content.kinds.probes import Probes, View, block
from rewriter.checkpoints.content.kinds.same_elements import restored
from rewriter.checkpoints.content.old import is_dull, squeezed
from rewriter.checkpoints.content.rounding import is_close, unit_of
from rewriter.checkpoints.formula import Formula, Read
from rewriter.model.tensors import Array


@dataclass(frozen=True, slots=True)
class Scaled:
    """A formula times a vector along one axis of its squeezed shape."""

    of: Formula
    by: Formula
    axis: int

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of both formulas."""
        return (*self.of.keys, *self.by.keys)

    def evaluate(self, read: Read) -> Array:
        """Return the product, in double precision."""
        value = self.of.evaluate(read).astype(np.float64)
        factors = self.by.evaluate(read).astype(np.float64).reshape(-1)
        shape = squeezed(value.shape)
        return value.reshape(shape) * factors.reshape(
            [-1 if n == self.axis else 1 for n in range(len(shape))]
        )

    def __str__(self) -> str:
        return f"{self.of} * ({self.by}) along axis {self.axis}"


class ScaledWeights:
    """Search for weights with factors."""

    def __init__(self, probes: Probes, functions: ElementFunctions) -> None:
        self._probes = probes
        self._functions = functions

    def find(self, target: Array) -> list[Formula]:
        """Return the products of a tensor and a vector that give the target."""
        found: list[Formula] = []
        for view in self._probes.views(target):
            for formula, axis in self._candidates(view):
                value = formula.evaluate(self._probes.old.read).astype(np.float64).reshape(view.array.shape)
                factors = self._vectors(_factors(view.array, value, axis))
                products = [Scaled(formula, each, axis) for each in factors]
                if products and is_close(products[0].evaluate(self._probes.old.read), view.array):
                    shape = squeezed(target.shape)
                    found += [restored(each, shape, view.axes, target.shape) for each in products]
        return found

    def _vectors(self, factors: Array) -> list[Formula]:
        """Return the vectors with given elements; of equal elements, only scales of batch norms are told."""
        if is_dull(factors):
            formulas, _ = self._probes.of((factors.size, 1, 1))
            scales = [each for each in formulas if isinstance(each, NormScale)]
            return [each for each in scales if is_close(each.evaluate(self._probes.old.read), factors)]
        return self._functions.find(factors)

    def _candidates(self, view: View) -> Iterator[tuple[Formula, int]]:
        formulas, blocks = self._probes.of(view.triple)
        wanted = block(view.array)
        unit = 16 * unit_of(view.array.dtype)
        for axis in (0, 1):
            if view.triple[axis] == 1 or not len(blocks):
                continue
            rows, values = _rows(wanted, axis), _rows(blocks, axis)
            with np.errstate(all="ignore"):
                largest = np.argmax(np.abs(rows), axis=1)[:, None]
                factors = np.take_along_axis(rows, largest, 1) / np.take_along_axis(values, largest[None], 2)
                fits = np.abs(rows - factors * values) <= unit * np.abs(rows)
            for number in np.flatnonzero(fits.all(axis=(1, 2))):
                yield formulas[number], axis


def _rows(array: Array, axis: int) -> Array:
    """Return the last three axes of an array as two, the first of which is `axis` of the three."""
    moved = np.moveaxis(array, array.ndim - 3 + axis, array.ndim - 3)
    return moved.reshape(*moved.shape[:-2], -1)


def _factors(target: Array, value: Array, axis: int) -> Array:
    """Return the factor of each row, taken at the largest element of the row."""
    wanted, values = _rows(target, axis), _rows(value, axis)
    largest = np.argmax(np.abs(values), axis=1)[:, None]
    with np.errstate(all="ignore"):
        ratio = np.take_along_axis(wanted, largest, 1) / np.take_along_axis(values, largest, 1)
    return np.asarray(ratio[:, 0], target.dtype)
