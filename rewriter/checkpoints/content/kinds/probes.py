"""A few elements of each tensor of a checkpoint, by which candidates of arithmetic are chosen before reading.

A tensor is seen as (first axis, second axis, the rest). Its probe is a block: elements at a few places of
each of the three, so that factors by row or by column show.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from math import prod

import numpy as np

from rewriter.checkpoints.content.kinds.derived import norms_of, weights_of
from rewriter.checkpoints.content.kinds.same_elements import orders
from rewriter.checkpoints.content.old import OldWeights, squeezed
from rewriter.checkpoints.formula import Formula, Key
from rewriter.evidence.checkpoint.hashes import is_floating
from rewriter.model.tensors import Array

Triple = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class View:
    """A target with its axes in another order.

    Attributes:
        axes: the order of the axes of its squeezed shape.
        array: its elements in that order, as (first axis, second axis, the rest).
    """

    axes: tuple[int, ...]
    array: Array

    @property
    def triple(self) -> Triple:
        """The shape."""
        first, second, rest = self.array.shape
        return first, second, rest


class Probes:
    """Blocks of the tensors of a checkpoint, and of those that norms compute from them."""

    def __init__(self, old: OldWeights) -> None:
        self.old = old
        self._formulas: dict[Triple, list[Formula]] = {}
        self._blocks: dict[Triple, list[Array]] = {}
        self._stacked: dict[Triple, Array] = {}
        self.norms = list(norms_of(old.shapes))
        for formula in chain(map(Key, old.shapes), weights_of(old.shapes), *self.norms):
            value = formula.evaluate(old.read)
            if is_floating(value.dtype):
                triple = triple_of(squeezed(value.shape))
                self._formulas.setdefault(triple, []).append(formula)
                self._blocks.setdefault(triple, []).append(block(value.reshape(triple)))

    def of(self, triple: Triple) -> tuple[list[Formula], Array]:
        """Return the formulas whose values have a shape, and their blocks."""
        if triple not in self._stacked:
            self._stacked[triple] = np.array(self._blocks.get(triple, []))
        return self._formulas.get(triple, []), self._stacked[triple]

    def views(self, target: Array) -> Iterator[View]:
        """Yield the target in the shapes of all tensors with as many elements."""
        shape = squeezed(target.shape)
        plain = target.reshape(shape)
        seen: set[Triple] = set()
        for axes in orders(shape):
            turned = tuple(shape[axis] for axis in axes)
            in_order = axes == tuple(range(len(axes)))
            fitting = [each for each in self._blocks if prod(each) == target.size] if in_order else []
            for triple in {triple_of(turned): None, **dict.fromkeys(fitting)}:
                if triple in self._blocks and not (in_order and triple in seen):
                    seen.add(triple)
                    yield View(axes, plain.transpose(axes).reshape(triple))


def triple_of(shape: tuple[int, ...]) -> Triple:
    """Return a squeezed shape as (first axis, second axis, the rest)."""
    first, second, *rest = (*shape, 1, 1)
    return first, second, prod(rest)


def block(array: Array) -> Array:
    """Return some elements of an array of three axes, in double precision."""
    places = [_places(size, 64 if array.size == size else 6) for size in array.shape]
    return np.asarray(array[np.ix_(*places)], np.float64)


def _places(size: int, count: int) -> list[int]:
    if size <= count:
        return list(range(size))
    return [place * (size - 1) // (count - 1) for place in range(count)]
