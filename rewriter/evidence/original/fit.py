"""Measures whether an original fits: the share of weights and values that both files have.

A file made from another shares with it the contents of weights, or values of the same name that are computed
from the same values, usually both. Two files share

* a weight with the same content (`parameters/weight_contents`), whatever its name; for a weight that is not
  read (large or external), with the same name and dimensions in any order;
* a value with the same name, if both compute it from the same named values (`value_origins`), however many
  nodes lie between. A sidecar has only names, their order and shapes of weights.

`python -m benchmarks.fitting` measures these shares for pairs of files, one made from the other or unrelated:
benchmarks/results/fitting.md. It also gives the measures that were rejected: names of values alone, and the
order of operators.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from rewriter.basics.display import counted
from rewriter.errors import DoesNotFit
from rewriter.evidence.original.value_origins import Origins, values_made
from rewriter.evidence.original.witness import Like
from rewriter.evidence.parameters.weight_contents import contents_of
from rewriter.model.index.graph import GraphIndex

LEAST = 0.5
"""Minimum share of an original that fits."""
_ENOUGH = 12
"""Minimum weights, or values, whose share counts alone: unrelated files with fewer may share half."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Number of weights or values that two files share, `of` the number in the file that has fewer."""

    count: int
    of: int

    @property
    def share(self) -> float:
        """The shared part, 0 to 1; 0 if there are too few to judge."""
        return self.count / self.of if self.of >= _ENOUGH else 0.0


@dataclass(frozen=True, slots=True)
class LikeFit:
    """Weights and values that a file and its original share.

    Attributes:
        name: name of the original.
        weights: weights compared by content; by name and dimensions if they were not read, or for a sidecar.
        values: values compared by name and by the values they are computed from; for a sidecar by name.
        alone: values whose share counts by itself: all; for a sidecar those in the same order.
        by_names: whether the original is a sidecar.
    """

    name: str
    weights: Overlap
    values: Overlap
    alone: Overlap
    by_names: bool = False

    @property
    def share(self) -> float:
        """The largest share: of weights and values together, or of one kind; 1 with nothing to compare."""
        of = self.weights.of + self.values.of
        together = (self.weights.count + self.values.count) / of if of else 1.0
        return max(together, self.weights.share, self.alone.share)

    @property
    def fits(self) -> bool:
        """Whether the file was made from the original, as far as the shares show."""
        return self.share >= LEAST

    def __str__(self) -> str:
        weights, values = self.weights, self.values
        how = ("name", "name") if self.by_names else ("content", "name and origin")
        return (
            f"{weights.count:,} of {counted(weights.of, 'weight')} by {how[0]} and "
            f"{values.count:,} of {counted(values.of, 'value')} by {how[1]} are those of {self.name}"
        )


class Traits:
    """The compared properties of a file, each computed on first use."""

    def __init__(self, graph: GraphIndex) -> None:
        self.graph = graph

    @cached_property
    def weights(self) -> frozenset[object]:
        """Identities of the weights, see `contents_of`."""
        return frozenset(contents_of(self.graph))

    @cached_property
    def values(self) -> dict[str, int]:
        """Name of a value that a node computes -> the value."""
        return values_made(self.graph)


def demand_fit(fit: LikeFit, file: str) -> None:
    """Refuse an original that a file was not made from.

    Args:
        fit: the shared weights and values.
        file: name of the file in messages.

    Raises:
        DoesNotFit: the share is less than half.
    """
    if not fit.fits:
        raise DoesNotFit(f"{file}: only {fit}; give the model that it was made of, or --force")


def measure(graph: GraphIndex, like: Like) -> LikeFit:
    """Count the weights and values that a file and its original share."""
    ours = Traits(graph)
    return _by_names(ours, like) if like.graph is None else compare(ours, Traits(like.graph), like.name)


def compare(ours: Traits, theirs: Traits, name: str) -> LikeFit:
    """Count the weights and values that two whole files share.

    Args:
        ours: the file.
        theirs: the original.
        name: name of the original.
    """
    common = set(ours.graph.value_names) & set(theirs.graph.value_names) - {""}
    here, there = Origins(ours.graph, common), Origins(theirs.graph, common)
    same = 0
    for value in ours.values.keys() & theirs.values.keys():
        origin = here.of(ours.values[value])
        same += origin is not None and origin == there.of(theirs.values[value])
    values = Overlap(same, min(len(ours.values), len(theirs.values)))
    return LikeFit(name, _shared(ours.weights, theirs.weights), values, values)


def _by_names(ours: Traits, like: Like) -> LikeFit:
    """Count what a file shares with a sidecar: names of values, their order, names and shapes of weights."""
    graph = ours.graph
    tensors = {graph.value_names[value]: tuple(tensor.dims) for value, tensor in graph.initializers.items()}
    weights = _shared(_named(tensors.items()), _named(like.shapes.items()))
    here, there = list(ours.values), like.order
    values = _shared(here, there)
    return LikeFit(like.name, weights, values, Overlap(_in_order(here, there), values.of), by_names=True)


def _shared(ours: Iterable[object], theirs: Iterable[object]) -> Overlap:
    left, right = set(ours), set(theirs)
    return Overlap(len(left & right), min(len(left), len(right)))


def _named(shapes: Iterable[tuple[str, tuple[int, ...]]]) -> set[object]:
    """Return names with sorted shapes, so that a transpose counts as equal; not for single elements."""
    return {(name, tuple(sorted(shape))) for name, shape in shapes if prod(shape) > 1}


def _in_order(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """Return the number of common names that follow the same common name in both."""
    common = set(ours) & set(theirs)
    before = [_before(names, common) for names in (ours, theirs)]
    return sum(before[0][name] == before[1][name] for name in common)


def _before(names: Sequence[str], common: set[str]) -> dict[str, str]:
    kept = [name for name in dict.fromkeys(names) if name in common]
    return dict(zip(kept, ["", *kept], strict=False))
