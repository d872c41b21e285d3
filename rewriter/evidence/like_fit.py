"""Whether an original fits: how much of what both files could share they do share.

A file that was made of another shares with it the contents of its weights, or values of the same name that
are computed from the same values, as a rule both. Two kinds of things are counted:

* weights by content (`evidence/contents`), whatever their names; large and external ones, which are not read,
  by name and shape;
* values by name, where both files compute them from the same named values (`evidence/origins`), however many
  nodes lie between. Of a sidecar only names and their order are known.

`python -m benchmarks.fitting` measures how the figures are spread over files that were made of each other and
over others: benchmarks/results/fitting.md. Operators in order tell the two apart no better than chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from rewriter.evidence.contents import contents_of
from rewriter.evidence.like import Like
from rewriter.evidence.origins import Origins, values_made
from rewriter.model.graph import GraphIndex
from rewriter.refusals import DoesNotFit

LEAST = 0.5
"""The least share that fits."""
_ENOUGH = 12
"""Things of one kind from which on their share counts alone: of fewer, other files share half by chance."""


@dataclass(frozen=True, slots=True)
class Shared:
    """How many things of a kind two files share, of how many they could: those of the file with fewer."""

    count: int
    of: int

    @property
    def share(self) -> float:
        """0 to 1; 0 where there are too few to go by."""
        return self.count / self.of if self.of >= _ENOUGH else 0.0


@dataclass(frozen=True, slots=True)
class LikeFit:
    """What a file and its original share.

    Attributes:
        name: of the original.
        weights: by content; by name and shape where they were not read, or a sidecar tells.
        values: by name and by what they are computed from; by name alone where a sidecar tells.
        alone: of the values those that count by themselves: all, or those in the order of the sidecar.
        by_names: whether a sidecar tells.
    """

    name: str
    weights: Shared
    values: Shared
    alone: Shared
    by_names: bool = False

    @property
    def share(self) -> float:
        """Of both kinds together, or of one alone where there are enough; 1 where nothing could be shared."""
        of = self.weights.of + self.values.of
        together = (self.weights.count + self.values.count) / of if of else 1.0
        return max(together, self.weights.share, self.alone.share)

    @property
    def fits(self) -> bool:
        """Whether the file was made of the original, by all that is seen."""
        return self.share >= LEAST

    def __str__(self) -> str:
        weights, values = self.weights, self.values
        how = ("name", "name") if self.by_names else ("content", "name and origin")
        return (
            f"{weights.count:,} of {weights.of:,} weights by {how[0]} and {values.count:,} of {values.of:,} "
            f"values by {how[1]} are those of {self.name}"
        )


class Traits:
    """What is compared of a file; each is found out once."""

    def __init__(self, graph: GraphIndex) -> None:
        self.graph = graph

    @cached_property
    def weights(self) -> frozenset[object]:
        """What is known of its weights."""
        return frozenset(contents_of(self.graph))

    @cached_property
    def values(self) -> dict[str, int]:
        """Name of a value that a node computes -> the value."""
        return values_made(self.graph)


def demand_fit(fit: LikeFit, file: str) -> None:
    """Refuse an original that a file was not made of.

    Args:
        fit: what they share.
        file: what to call the file.

    Raises:
        DoesNotFit: less than half of what they could.
    """
    if not fit.fits:
        raise DoesNotFit(f"{file}: only {fit}; give the model that it was made of, or --force")


def measure(graph: GraphIndex, like: Like) -> LikeFit:
    """Count what a file and its original share."""
    ours = Traits(graph)
    return _by_names(ours, like) if like.graph is None else compare(ours, Traits(like.graph), like.name)


def compare(ours: Traits, theirs: Traits, name: str) -> LikeFit:
    """Count what two whole files share.

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
    values = Shared(same, min(len(ours.values), len(theirs.values)))
    return LikeFit(name, _shared(ours.weights, theirs.weights), values, values)


def _by_names(ours: Traits, like: Like) -> LikeFit:
    """Of a sidecar the names are known, their order, and the shapes of weights."""
    graph = ours.graph
    tensors = {graph.value_names[value]: tuple(tensor.dims) for value, tensor in graph.initializers.items()}
    weights = _shared(_named(tensors.items()), _named(like.shapes.items()))
    here, there = list(ours.values), like.order
    values = _shared(here, there)
    return LikeFit(like.name, weights, values, Shared(_in_order(here, there), values.of), by_names=True)


def _shared(ours: Iterable[object], theirs: Iterable[object]) -> Shared:
    left, right = set(ours), set(theirs)
    return Shared(len(left & right), min(len(left), len(right)))


def _named(shapes: Iterable[tuple[str, tuple[int, ...]]]) -> set[object]:
    """Names with shapes, of more than one element, whichever way a matrix is stored."""
    return {(name, tuple(sorted(shape))) for name, shape in shapes if prod(shape) > 1}


def _in_order(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """How many common names stand behind the same common name in both."""
    common = set(ours) & set(theirs)
    before = [_before(names, common) for names in (ours, theirs)]
    return sum(before[0][name] == before[1][name] for name in common)


def _before(names: Sequence[str], common: set[str]) -> dict[str, str]:
    kept = [name for name in dict.fromkeys(names) if name in common]
    return dict(zip(kept, ["", *kept], strict=False))
