"""Which torch tensor each value of a file is.

Values are gone through in the order of computation. Several tensors may have a value's content: a reshape or
a cast changes nothing, and equal things are computed in several calls. The one is taken that was computed
from what the value is computed from; a value that only repeats the one it is made from, with no tensor left
that does the same, is none of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from rewriter.evidence.matching import TOLERANCE, Lookup
from rewriter.evidence.recording import NOWHERE, Recording
from rewriter.model.graph import NONE, GraphIndex
from rewriter.model.order import topological
from rewriter.runtime.fingerprints import Fingerprint

_TELLING = 3
"""Elements that a tensor has at the least for its content alone to identify it."""

Look = tuple[int, tuple[int, ...]]
"""Class of content, and shape."""

Likeness = tuple[int, tuple[int, ...], str]
"""Class of content, shape and operator: what two calls that compute the same have in common."""


@dataclass(frozen=True)
class Matched:
    """What was matched.

    Attributes:
        tensors: value of the graph -> tensor of the recording.
        classes: tensor -> the class of those with equal content.
        looks: value of the graph -> class and shape of its content, where torch had this content at all.
        plain: tensors of floats whose elements are all the same number, as a dead activation leaves behind.
    """

    tensors: dict[int, int]
    classes: list[int]
    looks: dict[int, Look]
    plain: frozenset[int] = frozenset()

    @cached_property
    def found(self) -> frozenset[int]:
        """The classes that occur in the file; what is the same number all over is no proof of that."""
        return frozenset(self.classes[tensor] for tensor in self.tensors.values() if tensor not in self.plain)


@dataclass(frozen=True, slots=True)
class _Origin:
    """The nearest tensors that a value is computed from: how they look, their classes, the last of them."""

    likes: frozenset[Likeness] = frozenset()
    classes: frozenset[int] = frozenset()
    latest: int = -1


def match(
    graph: GraphIndex,
    recording: Recording,
    prints: Mapping[str, Fingerprint],
    *,
    tolerance: float = TOLERANCE,
) -> Matched:
    """Find the tensors that values of the main graph are.

    Args:
        graph: the model.
        recording: what torch did.
        prints: name of a value -> its fingerprint, inputs of the graph included.
        tolerance: see `matching`.
    """
    return _Matcher(graph, recording, prints, tolerance).run()


class _Matcher:
    def __init__(
        self, graph: GraphIndex, recording: Recording, prints: Mapping[str, Fingerprint], tolerance: float
    ) -> None:
        self.graph = graph
        self.recording = recording
        self.prints = prints
        self.lookup = Lookup(recording.prints, tolerance)
        self.classes = self.lookup.classes(recording.prints)
        self.tensors: dict[int, int] = {}
        self.origins: dict[int, _Origin] = {}
        self.used: Counter[int] = Counter()
        self.looks: dict[int, Look] = {}

    def run(self) -> Matched:
        for name, value in self.graph.bodies[0].values.items():
            given = [tensor for tensor in self._alike(name) if self.recording.homes[tensor] == NOWHERE]
            if self.graph.producer[value] == NONE and given:
                self.looks[value] = self.classes[given[0]], self.prints[name].shape
                like = self._likeness(given[0])
                self.origins[value] = _Origin(frozenset({like}), frozenset({like[0]}))
        for node in topological(self.graph):
            if self.graph.body_of[node] == 0:
                self._match_node(node)
        prints = enumerate(self.recording.prints)
        plain = frozenset(
            tensor for tensor, each in prints if each is not None and each.plain and each.kind == "f"
        )
        return Matched(self.tensors, self.classes, self.looks, plain)

    def _alike(self, name: str) -> list[int]:
        wanted = self.prints.get(name)
        return self.lookup.find(wanted) if wanted is not None else []

    def _match_node(self, node: int) -> None:
        before = self._joined(self.graph.reads[node])
        for value in self.graph.writes[node]:
            if value == NONE:
                continue
            tensor = self._choose(node, value, before)
            if tensor is None:
                self.origins[value] = before
                continue
            self.tensors[value] = tensor
            self.used[tensor] += 1
            like = frozenset({self._likeness(tensor)})
            self.origins[value] = _Origin(like, frozenset({self.classes[tensor]}), tensor)

    def _joined(self, values: Iterable[int]) -> _Origin:
        origins = [self.origins[value] for value in values if value in self.origins]
        return _Origin(
            frozenset().union(*(origin.likes for origin in origins)),
            frozenset().union(*(origin.classes for origin in origins)),
            max((origin.latest for origin in origins), default=-1),
        )

    def _choose(self, node: int, value: int, before: _Origin) -> int | None:
        name = self.graph.value_names[value]
        same_content = self._alike(name)
        if not same_content:
            return None
        mine = self.prints[name]
        self.looks[value] = self.classes[same_content[0]], mine.shape
        alike = [tensor for tensor in same_content if self.recording.homes[tensor] != NOWHERE]
        if not alike:
            return None
        same = [tensor for tensor in alike if self._print(tensor).shape == mine.shape]
        if any(self.classes[tensor] in before.classes for tensor in alike):
            same_or_alike = [tensor for tensor in same or alike if self._repeats(tensor, before)]
        else:
            same_or_alike = same or alike
        operator = self.graph.operators[node][1]

        def merit(tensor: int) -> tuple[float, bool, bool, bool, int, int]:
            support = self._support(tensor, before)
            fitting = fits(operator, self._operator(tensor))
            later = tensor > before.latest
            return support, later, fitting, not self._echoes(tensor), -self.used[tensor], -tensor

        best = max(same_or_alike, key=merit, default=None)
        telling = bool(same) and not mine.plain and mine.size >= _TELLING
        return best if best is not None and (telling or merit(best)[0]) else None

    def _repeats(self, tensor: int, before: _Origin) -> bool:
        """Whether a tensor was made from one like those the value is made from, and looks otherwise."""
        return self._likeness(tensor) not in before.likes and not before.likes.isdisjoint(
            self._upstream(tensor)
        )

    def _upstream(self, tensor: int) -> set[Likeness]:
        """What the tensors of the same content look like that this one was made from, one after the other."""
        likes: set[Likeness] = set()
        pending, seen = [tensor], {tensor}
        while pending:
            for other in self._inputs(pending.pop()):
                if self.classes[other] == self.classes[tensor] and other not in seen:
                    seen.add(other)
                    likes.add(self._likeness(other))
                    pending.append(other)
        return likes

    def _support(self, tensor: int, before: _Origin) -> float:
        """The share of what a tensor was computed from that the value is computed from as well."""
        inputs = self._inputs(tensor)
        return sum(self.classes[other] in before.classes for other in inputs) / max(1, len(inputs))

    def _inputs(self, tensor: int) -> tuple[int, ...]:
        maker = self.recording.makers[tensor]
        return () if maker == NOWHERE else self.recording.steps[maker].inputs

    def _operator(self, tensor: int) -> str:
        maker = self.recording.makers[tensor]
        return "" if maker == NOWHERE else self.recording.steps[maker].operator

    def _likeness(self, tensor: int) -> Likeness:
        found = self.recording.prints[tensor]
        return self.classes[tensor], found.shape if found else (), self._operator(tensor)

    def _echoes(self, tensor: int) -> bool:
        """Whether an operator changed nothing, behind one of its kind: exporters write the two as one."""
        return self._likeness(tensor) in self._upstream(tensor)

    def _print(self, tensor: int) -> Fingerprint:
        found = self.recording.prints[tensor]
        assert found is not None, "only tensors with a fingerprint are found"
        return found


def fits(operator: str, step: str) -> bool:
    """Whether an ONNX operator and a torch operator have the same name, as far as names go."""
    ours, theirs = operator.lower(), step.replace("_", "").lower()
    return bool(theirs) and (ours in theirs or theirs in ours)
