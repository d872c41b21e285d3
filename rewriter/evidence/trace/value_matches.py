"""Maps values of a file to torch tensors.

Values are visited in topological order. Several tensors may have the content of a value: a reshape or a cast
does not change the content, and several calls may compute the same. The match is the tensor with the largest
share of inputs among the sources of the value. Without such inputs, a value has no match if its elements are
few or equal, or if no tensor of its content has its shape. A value that repeats the content of one of its
sources has no match unless a tensor of another shape or operator repeats that source too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from rewriter.evidence.trace.recording import NOWHERE, Recording
from rewriter.evidence.trace.tensor_search import TOLERANCE, Lookup
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.index.topological_order import topological
from rewriter.runtime.compare.fingerprints import Fingerprint

_TELLING = 3
"""Minimum number of elements of a tensor that its content alone identifies."""

Look = tuple[int, tuple[int, ...]]
"""Content class and shape."""

Likeness = tuple[int, tuple[int, ...], str]
"""Content class, shape and operator. Equal for tensors that two calls compute alike."""


@dataclass(frozen=True)
class Matched:
    """The matches of one file.

    Attributes:
        tensors: value of the graph -> tensor of the recording.
        classes: tensor -> its content class: the first tensor with equal content.
        looks: value of the graph -> content class and shape, if some tensor has the same content; for an
            input of the graph, only tensors that no call made count.
        plain: floating-point tensors of equal elements, for example of a dead activation.
    """

    tensors: dict[int, int]
    classes: list[int]
    looks: dict[int, Look]
    plain: frozenset[int] = frozenset()

    @cached_property
    def found(self) -> frozenset[int]:
        """The content classes that occur in the file; tensors in `plain` do not count as proof."""
        return frozenset(self.classes[tensor] for tensor in self.tensors.values() if tensor not in self.plain)


@dataclass(frozen=True, slots=True)
class _Origin:
    """Likenesses and classes of the tensor that matches a value, else of those of its nearest sources.

    `latest` is the largest number of these tensors, without those that match inputs of the graph; else -1.
    """

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
    """Match the values of the main graph with tensors.

    Args:
        graph: the model.
        recording: the recorded run of torch.
        prints: name of a value -> its fingerprint, inputs of the graph included.
        tolerance: see `tensor_search`.
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
        """Whether a tensor repeats a source of the value, with the same content in another likeness."""
        return self._likeness(tensor) not in before.likes and not before.likes.isdisjoint(
            self._upstream(tensor)
        )

    def _upstream(self, tensor: int) -> set[Likeness]:
        """Return the likenesses of the tensors from which a tensor was derived with the same content."""
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
        """Return the share of a tensor's inputs whose content class is among the sources of the value."""
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
        """Whether a source of a tensor has its content, shape and operator: exporters merge the two."""
        return self._likeness(tensor) in self._upstream(tensor)

    def _print(self, tensor: int) -> Fingerprint:
        found = self.recording.prints[tensor]
        assert found is not None, "only tensors with a fingerprint are found"
        return found


def fits(operator: str, step: str) -> bool:
    """Whether one of the names of an ONNX and a torch operator contains the other: `Conv`, `convolution`.

    Case and underscores do not count.
    """
    ours, theirs = operator.lower(), step.replace("_", "").lower()
    return bool(theirs) and (ours in theirs or theirs in ours)
