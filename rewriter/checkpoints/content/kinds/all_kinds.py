"""All kinds of formulas, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Protocol

from rewriter.checkpoints.content.kinds.functions import ElementFunctions
from rewriter.checkpoints.content.kinds.probes import Probes
from rewriter.checkpoints.content.kinds.repeated import repeated
from rewriter.checkpoints.content.kinds.resized import ResizedGrids
from rewriter.checkpoints.content.kinds.rows import RowsOfKeys
from rewriter.checkpoints.content.kinds.same_elements import SameElements
from rewriter.checkpoints.content.kinds.scaled import ScaledWeights
from rewriter.checkpoints.content.kinds.shifts import Shifts
from rewriter.checkpoints.content.kinds.sums import Sums
from rewriter.checkpoints.content.old import FEW, OldWeights, is_dull, is_simple
from rewriter.checkpoints.formula import Formula
from rewriter.model.tensors import Array


class _Kind(Protocol):
    def find(self, target: Array) -> list[Formula]: ...


class Kinds:
    """The kinds of formulas; an index of the checkpoint is built when a tensor first needs it."""

    def __init__(self, old: OldWeights) -> None:
        self._old = old
        self._same = SameElements(old)
        self._rows = RowsOfKeys(old)

    def find(self, target: Array) -> list[Formula]:
        """Return the candidates of the first kind that has any.

        Equal elements are looked for as they are alone; of few elements also functions.
        """
        found = next((found for kind in self._for(target) if (found := kind.find(target))), [])
        return found or ([] if is_dull(target) else repeated(target, self.find))

    def _for(self, target: Array) -> Iterator[_Kind]:
        """Yield the kinds for a tensor; an index is built only if the kinds before found nothing."""
        yield self._same
        if not is_dull(target) and target.size >= FEW:
            yield self._rows
            yield from self._arithmetic
        elif target.size < FEW and not is_simple(target):
            yield self._arithmetic[0]

    def multiple_of(self, target: Array) -> Formula | None:
        """Return a tensor of which the target is a multiple, by a number of unknown origin."""
        return self._arithmetic[0].multiple_of(target)

    @cached_property
    def _arithmetic(self) -> tuple[ElementFunctions, ScaledWeights, Shifts, Sums, ResizedGrids]:
        probes = Probes(self._old)
        functions = ElementFunctions(probes)
        return (
            functions,
            ScaledWeights(probes, functions),
            Shifts(probes),
            Sums(self._old),
            ResizedGrids(self._old),
        )
