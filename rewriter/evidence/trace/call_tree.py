"""The calls of a recording as a tree."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rewriter.evidence.trace.recording import NOWHERE, Recording
from rewriter.evidence.trace.value_matches import Look, Matched
from rewriter.model.index.graph import GraphIndex


class CallTree:
    """Calls with their callers, inputs and results."""

    def __init__(self, recording: Recording, matched: Matched) -> None:
        self._parents = [call.parent for call in recording.calls]
        self._inputs = [_looks(call.inputs, recording, matched) for call in recording.calls]
        self._outputs = [_looks(call.outputs, recording, matched) for call in recording.calls]
        self._looks = matched.looks
        self._depths: list[int] = []
        for parent in self._parents:  # a caller begins before its callees
            self._depths.append(0 if parent == NOWHERE else self._depths[parent] + 1)

    def outside(self, call: int, values: Iterable[int]) -> int:
        """Return `call`, or its innermost caller that takes none of `values` as an input; at most the root.

        The producer of an input of a call is outside of the call.
        """
        return self._beyond(call, values, self._inputs)

    def after(self, call: int, values: Iterable[int]) -> int:
        """Return `call`, or its innermost caller that returns none of `values`; at most the root.

        That call continues with the values.
        """
        return self._beyond(call, values, self._outputs)

    def _beyond(self, call: int, values: Iterable[int], limits: Sequence[frozenset[Look]]) -> int:
        looks = self._of(values)
        while call and not looks.isdisjoint(limits[call]):
            call = self._parents[call]
        return call

    def copies(self, graph: GraphIndex, node: int) -> bool:
        """Whether a node copies an input other than a scalar, as a cast to the same type does."""
        copied = self._of(graph.writes[node]) & self._of(graph.reads[node])
        return any(shape for _, shape in copied)

    def _of(self, values: Iterable[int]) -> frozenset[Look]:
        return frozenset(self._looks[value] for value in values if value in self._looks)

    def above(self, call: int) -> Iterable[int]:
        """Yield a call and its callers."""
        while call != NOWHERE:
            yield call
            call = self._parents[call]

    def common(self, calls: Collection[int]) -> int:
        """Return the innermost call that contains all `calls`; it may be one of them."""
        first, *others = dict.fromkeys(calls)
        shared = set(self.above(first))
        for call in others:
            shared.intersection_update(self.above(call))
        return self.deepest(shared)

    def deepest(self, calls: Collection[int]) -> int:
        """Return the most deeply nested call."""
        return max(calls, key=lambda call: (self._depths[call], -call))

    def highest(self, calls: Collection[int]) -> int:
        """Return the least deeply nested call."""
        return min(calls, key=lambda call: (self._depths[call], call))

    def between(self, left: int, right: int) -> frozenset[int]:
        """Return the calls that may run between two others: both, and their callers up to the common one."""
        top = self.common([left, right])
        ways = [call for side in (left, right) for call in self.above(side)]
        return frozenset(call for call in ways if self._depths[call] > self._depths[top]) | {top}


def _looks(tensors: Iterable[int], recording: Recording, matched: Matched) -> frozenset[Look]:
    found = ((matched.classes[tensor], recording.prints[tensor]) for tensor in tensors)
    return frozenset((look, each.shape) for look, each in found if each is not None)
