"""Finds the calls of nodes: first of nodes whose results match torch tensors, then of the nodes between them.

A node without a match belongs to the call of its readers: a call covers the nodes that its results depend on
and its inputs do not. So the producer of a call's input lies outside of the call, and a reader of its result
comes after it.

By this rule alone, a node with readers in several calls belongs to the common caller of these calls. So the
file order counts too, if it mostly agrees with the order of the calls: a node stands between two nodes of
known calls, and is expected in a call that may run between these. If no reader needs it in an expected call,
it belongs to the one expected call that continues with its inputs, else to the outermost expected call.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from rewriter.evidence.trace.call_tree import CallTree
from rewriter.evidence.trace.recording import NOWHERE, Recording
from rewriter.evidence.trace.value_matches import Matched, fits
from rewriter.model.index.graph import GraphIndex
from rewriter.model.index.topological_order import topological

_TRUSTED = 0.8
"""Minimum share of nodes whose position in the file agrees with their readers, for the order to count."""
_LONGEST = 24


class Found(NamedTuple):
    """The call of a node, and the reason; `tensor` is the matching torch tensor, NOWHERE if there is none."""

    call: int
    tensor: int
    why: str


def enclose(graph: GraphIndex, recording: Recording, matched: Matched) -> dict[int, Found]:
    """Return node -> its call and the reason, for the nodes whose call can be found."""
    found: dict[int, Found] = {}
    for node, written in enumerate(graph.writes):
        tensors = [matched.tensors[value] for value in written if value in matched.tensors]
        if tensors:
            call = _fused_in(graph, node, recording, matched, tensors[0])
            found[node] = Found(call, tensors[0], "its result is a value of this call")
    calls = CallTree(recording, matched)
    order = [node for node in reversed(topological(graph)) if node not in found and _is_placed(graph, node)]
    around = _around(graph, found, calls)
    if not _agrees(graph, order, found, around):
        around = {}
    for node in order:
        wanted, fed = _wanted(graph, node, found, calls), _fed(graph, node, found, calls)
        if wanted and (place := _place(wanted, fed, around.get(node), calls)) is not None:
            found[node] = place
    return found


def _wanted(graph: GraphIndex, node: int, found: dict[int, Found], calls: CallTree) -> list[int]:
    """Return the calls in which the readers of a node need its result, the first reader first."""
    # A copy of a call's input, such as a cast to the same type, may be outside of the call; most are inside.
    values = () if calls.copies(graph, node) else graph.writes[node]
    readers = [reader for reader in sorted(set(graph.successors(node))) if reader in found]
    return [calls.outside(found[reader].call, values) for reader in readers]


def _fed(graph: GraphIndex, node: int, found: dict[int, Found], calls: CallTree) -> set[int]:
    """Return the calls that continue with the inputs of a node."""
    makers = [maker for maker in sorted(set(graph.predecessors(node))) if maker in found]
    return {calls.after(found[maker].call, graph.writes[maker]) for maker in makers}


def _is_placed(graph: GraphIndex, node: int) -> bool:
    """Whether a node is in the main graph or a graph body; a function may be called from anywhere."""
    body = graph.bodies[graph.body_of[node]]
    return graph.body_of[node] == 0 or body.owner >= 0


def _place(
    wanted: Sequence[int], fed: Collection[int], expected: frozenset[int] | None, calls: CallTree
) -> Found | None:
    """Choose the call of a node; None if only the root remains, and no reader needs the result there.

    Args:
        wanted: the calls in which the readers of the node need its result.
        fed: the calls that continue with the inputs of the node.
        expected: the calls that may run at the position of the node in the file; None if that is unknown.
        calls: the calls of the recording.
    """
    if expected is None:
        call = calls.common(wanted)
        return Found(call, NOWHERE, "its readers") if call in wanted or call else None
    for call in wanted:
        if call in expected:
            return Found(call, NOWHERE, "its readers and its place in the file")
    if len(made := [call for call in fed if call in expected]) == 1:
        return Found(made[0], NOWHERE, "its inputs and its place in the file")
    return Found(calls.highest(expected), NOWHERE, "the caller of the nodes around it in the file")


def _around(graph: GraphIndex, found: dict[int, Found], calls: CallTree) -> dict[int, frozenset[int]]:
    """Return node without a call -> the calls that may run at its position in the file."""
    behind: dict[int, int] = {}
    known = 0
    for node in range(len(graph.nodes)):
        known = found[node].call if node in found else known
        behind[node] = known
    around: dict[int, frozenset[int]] = {}
    known = NOWHERE
    for node in reversed(range(len(graph.nodes))):
        if node in found:
            known = found[node].call
        else:
            ahead = behind[node] if known == NOWHERE else known
            around[node] = calls.between(behind[node], ahead)
    return around


def _agrees(
    graph: GraphIndex, order: Sequence[int], found: dict[int, Found], around: dict[int, frozenset[int]]
) -> bool:
    """Whether the file order mostly agrees with the calls, by nodes whose known readers are in one call."""
    plain = agreeing = 0
    for node in order:
        readers = {found[reader].call for reader in graph.successors(node) if reader in found}
        if len(readers) == 1:
            plain += 1
            agreeing += not readers.isdisjoint(around[node])
    return agreeing >= _TRUSTED * plain


def _fused_in(graph: GraphIndex, node: int, recording: Recording, matched: Matched, tensor: int) -> int:
    """Return the call of a node whose result is `tensor`.

    An exporter may have fused operators of several calls into one node (Conv and BatchNormalization). The
    node belongs to the call of its own operator.
    """
    call = recording.homes[tensor]
    op_type = graph.nodes[node].op_type
    maker = recording.makers[tensor]
    if maker == NOWHERE or fits(op_type, recording.steps[maker].operator):
        return call
    for step in _covered(recording, matched, tensor):
        if fits(op_type, recording.steps[step].operator):
            return recording.steps[step].call
    return call


def _covered(recording: Recording, matched: Matched, tensor: int) -> list[int]:
    """Return up to `_LONGEST` steps from values in the file to a tensor, the nearest to the tensor first."""
    steps: list[int] = []
    pending, seen = [tensor], set[int]()
    while pending and len(steps) < _LONGEST:
        step = recording.makers[pending.pop(0)]
        if step == NOWHERE or step in seen:
            continue
        seen.add(step)
        steps.append(step)
        pending.extend(
            value
            for value in recording.steps[step].inputs
            if recording.homes[value] != NOWHERE and matched.classes[value] not in matched.found
        )
    return steps
