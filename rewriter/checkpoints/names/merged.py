"""Finds tensors that may stand for several parameters, which were equal at the export and are no longer.

Exporters merge equal tensors, such as the biases of new layers, and equal nodes. The file then has one tensor
for several parameters. New weights fit only if they are equal, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np

from rewriter.checkpoints.tensors.state_dict import StateDict
from rewriter.evidence.parameters.parameter_names import readers_of
from rewriter.model.blocks import blocks_of
from rewriter.model.tensors import array_of
from rewriter.modules.analysis import Analysis


class Equality:
    """Comparison of the tensors of a checkpoint by digests; each tensor is read at most once."""

    def __init__(self, new: StateDict) -> None:
        self._new = new
        self._digest = cache(self._digest_of)

    def unlike(self, key: str, others: Iterable[str]) -> str | None:
        """Return the first of other keys with another tensor; None if all are equal."""
        return next((other for other in others if not self.same(key, other)), None)

    def same(self, key: str, other: str) -> bool:
        """Whether two keys have equal tensors of one type."""
        ours, theirs = self._new.entries[key], self._new.entries[other]
        alike = ours.shape == theirs.shape and ours.dtype == theirs.dtype
        return alike and self._digest(key) == self._digest(other)

    def shape(self, key: str) -> tuple[int, ...]:
        """Return the shape of a key."""
        return self._new.entries[key].shape

    def _digest_of(self, key: str) -> bytes:
        data = np.ascontiguousarray(self._new.read(key)).reshape(-1).view(np.uint8)
        return hashlib.blake2b(data.data, digest_size=16).digest()


def merged_with(
    analysis: Analysis,
    value: int,
    own: Sequence[str],
    spare: Mapping[tuple[int, ...], list[str]],
    equality: Equality,
    *,
    shown: bool,
) -> str | None:
    """Return a key with another tensor that an initializer may stand for besides its own; None without one.

    Args:
        analysis: the model.
        value: the initializer.
        own: the keys of the parameters that it holds whole.
        spare: shape -> keys that no tensor takes.
        equality: the comparison of keys.
        shown: whether the file shows that all readers of the initializer read its own parameters.
    """
    if other := equality.unlike(own[0], own[1:]):
        return other
    others = spare.get(equality.shape(own[0]), ())
    if not others or not _may_be_merged(analysis, value, shown=shown):
        return None
    return equality.unlike(own[0], others)


def _may_be_merged(analysis: Analysis, value: int, *, shown: bool) -> bool:
    """Whether unknown nodes read an initializer, or it repeats one number, as new biases and norms do."""
    if not shown and len(readers_of(analysis.graph, value)) > 1:
        return True
    folder = analysis.path.parent if analysis.path else None
    array = array_of(analysis.graph.initializers[value], folder)
    if array is None:
        return True
    first = array.reshape(-1)[0]
    return all(bool((block == first).all()) for block in blocks_of(array))
