"""Measures whether an original fits: the share of comparable things that both files have.

A file made from another shares with it the contents of its weights, or values of the same name that
are computed from the same values, usually both. Two kinds of things are counted:

* weights by content (`parameters/weight_contents`), whatever their names; unread ones (large or external)
  by name and shape;
* values by name, if both files compute them from the same named values (`value_origins`), however many
  nodes lie between. A sidecar has only names and their order.

`python -m benchmarks.fitting` measures these figures for files made from each other and for others:
benchmarks/results/fitting.md. The order of operators separates the two no better than chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from rewriter.evidence.original.value_origins import Origins, values_made
from rewriter.evidence.original.witness import Like
from rewriter.evidence.parameters.weight_contents import contents_of
from rewriter.model.index.graph import GraphIndex
from rewriter.refusals import DoesNotFit

LEAST = 0.5
"""The least share that fits."""
_ENOUGH = 12
"""Number of things of a kind from which its share counts alone: unrelated files share half of fewer."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """The number of things of a kind that two files share, of the number that the smaller one has."""

    count: int
    of: int

    @property
    def share(self) -> float:
        """0 to 1; 0 if there are too few to judge."""
        return self.count / self.of if self.of >= _ENOUGH else 0.0


@dataclass(frozen=True, slots=True)
class LikeFit:
    """Things that a file and its original share.

    Attributes:
        name: of the original.
        weights: by content; by name and shape if they were not read, or for a sidecar.
        values: by name and by the values they are computed from; for a sidecar by name alone.
        alone: the values that count by themselves: all, or for a sidecar those in its order.
        by_names: whether the original is a sidecar.
    """

    name: str
    weights: Overlap
    values: Overlap
    alone: Overlap
    by_names: bool = False

    @property
    def share(self) -> float:
        """The share of both kinds, or of one alone if there are enough; 1 if nothing could be shared."""
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
            f"{weights.count:,} of {weights.of:,} weights by {how[0]} and {values.count:,} of {values.of:,} "
            f"values by {how[1]} are those of {self.name}"
        )


class Traits:
    """The compared properties of a file, each computed on first use."""

    def __init__(self, graph: GraphIndex) -> None:
        self.graph = graph

    @cached_property
    def weights(self) -> frozenset[object]:
        """Identities of its weights, see `contents_of`."""
        return frozenset(contents_of(self.graph))

    @cached_property
    def values(self) -> dict[str, int]:
        """Name of a value that a node computes -> the value."""
        return values_made(self.graph)


def demand_fit(fit: LikeFit, file: str) -> None:
    """Refuse an original that a file was not made from.

    Args:
        fit: the shared things.
        file: name of the file in messages.

    Raises:
        DoesNotFit: they share less than half of what they could.
    """
    if not fit.fits:
        raise DoesNotFit(f"{file}: only {fit}; give the model that it was made of, or --force")


def measure(graph: GraphIndex, like: Like) -> LikeFit:
    """Count what a file and its original share."""
    ours = Traits(graph)
    return _by_names(ours, like) if like.graph is None else compare(ours, Traits(like.graph), like.name)


def compare(ours: Traits, theirs: Traits, name: str) -> LikeFit:
    """Count the things that two whole files share.

    Args:
        ours: the file.
        theirs: the original.
        name: of the original.
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
    """Count the shared names, their order, and the shapes of weights: all that a sidecar has."""
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
    """Names with shapes, of more than one element; a matrix and its transpose count as one shape."""
    return {(name, tuple(sorted(shape))) for name, shape in shapes if prod(shape) > 1}


def _in_order(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """The number of common names that follow the same common name in both."""
    common = set(ours) & set(theirs)
    before = [_before(names, common) for names in (ours, theirs)]
    return sum(before[0][name] == before[1][name] for name in common)


def _before(names: Sequence[str], common: set[str]) -> dict[str, str]:
    kept = [name for name in dict.fromkeys(names) if name in common]
    return dict(zip(kept, ["", *kept], strict=False))
