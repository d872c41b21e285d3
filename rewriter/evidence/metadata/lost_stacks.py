"""Finds nodes whose module stack ends too early, and places them by the owners of their weights.

Torch traces the body of a higher-order operator apart (`nested_compile_region`, `no_grad` around a `forward`)
and records no modules inside, so the nodes of the body have the stack of the call alone. If their weights
belong to modules that no stack names, these modules were called there. A module may also use the weights of
its own child (`MultiheadAttention` multiplies by `out_proj.weight`). To tell the two apart, the stack trace
of one such node must end in generated code; without a stack trace, the owner must lie at least two calls
below the nearest module that a stack names.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence, Set

from rewriter.evidence.metadata.owners_by_reader import WeightsRead
from rewriter.model.index.graph import GraphIndex
from rewriter.model.metadata import get
from rewriter.paths import ROOT, ModulePath, common_ancestor

STACK_TRACE = "pkg.torch.onnx.stack_trace"
_GENERATED = 'File "<eval_with_key>'


def find_owners(
    graph: GraphIndex, placed: Mapping[int, ModulePath], called: Set[ModulePath], weights: WeightsRead
) -> tuple[dict[int, ModulePath], dict[int, ModulePath]]:
    """Find the nodes whose stack ends too early, and the modules to which they belong.

    Args:
        graph: the model.
        placed: node -> the last module of its stack.
        called: the modules on all stacks.
        weights: the owners of the weights that nodes read.

    Returns:
        node -> the owner of its weights; other node of the same stacks -> its module by the modules before
        and behind the node (see `_between`).
    """
    found: dict[int, ModulePath] = {}
    owned: dict[tuple[ModulePath, ModulePath], dict[int, ModulePath]] = {}
    for node, module in placed.items():
        owner = weights.owner(node)
        if owner is None or owner.module in called or owner.module.holds(module):
            continue
        if module.holds(owner.module):
            caller = next(p for p in owner.module.ancestors() if p in called or p == module)
            owned.setdefault((module, caller), {})[node] = owner.module
        elif owner.decides and module not in weights.folded and _is_traced_apart(graph, node):
            found[node] = owner.module
    for (module, caller), owners in owned.items():
        decided = {node: owner for node, owner in owners.items() if weights.decides_below(node, module)}
        if any(_is_lost(graph, node, owner, caller) for node, owner in decided.items()):
            found |= decided
    lost = {placed[node] for node in found}
    rest = {node: module for node, module in placed.items() if module in lost and node not in found}
    found |= _assign_in_order(rest, found, called, weights)
    return found, _between(graph, placed, lost, found)


def _is_lost(graph: GraphIndex, node: int, owner: ModulePath, caller: ModulePath) -> bool:
    """Whether a stack lacks a call between the owner and `caller`, the nearest called module above it."""
    if get(graph.nodes[node], STACK_TRACE):
        return _is_traced_apart(graph, node)
    return len([atom for atom in owner.relative_to(caller).split(".") if not atom.isdecimal()]) > 1


def _is_traced_apart(graph: GraphIndex, node: int) -> bool:
    """Whether the stack trace of a node ends in generated code."""
    frames = (get(graph.nodes[node], STACK_TRACE) or "").rpartition("File ")
    return "".join(frames[1:]).startswith(_GENERATED)


def _assign_in_order(
    rest: Mapping[int, ModulePath],
    found: Mapping[int, ModulePath],
    called: Set[ModulePath],
    weights: WeightsRead,
) -> dict[int, ModulePath]:
    """Assign the readers of equal tensors, which exporters merged into one, to their owners in order.

    Readers in one module are assigned only if they are as many as the owners below it that no stack names,
    and if the nearest node of `found` before or behind each reader is inside the parent of its owner.
    """
    sharing: dict[tuple[ModulePath, tuple[int, ...]], list[int]] = {}
    for node, module in rest.items():
        if named := weights.named(node):
            sharing.setdefault((module, named), []).append(node)
    in_order = sorted(found)
    dealt: dict[int, ModulePath] = {}
    for (module, named), readers in sharing.items():
        owners = [owner for owner in weights.sharers(named, module) if owner not in called]
        if len(owners) == len(readers):
            pairs = dict(zip(sorted(readers), owners, strict=True))
            if all(_stands_beside(node, owner, found, in_order) for node, owner in pairs.items()):
                dealt |= pairs
    return dealt


def _stands_beside(
    node: int, owner: ModulePath, found: Mapping[int, ModulePath], in_order: Sequence[int]
) -> bool:
    position = bisect_left(in_order, node)
    neighbours = in_order[max(0, position - 1) : position + 1]
    return owner.parent is not None and any(owner.parent.holds(found[other]) for other in neighbours)


def _between(
    graph: GraphIndex,
    placed: Mapping[int, ModulePath],
    lost: Set[ModulePath],
    found: Mapping[int, ModulePath],
) -> dict[int, ModulePath]:
    """Return node of a lost stack, not in `found` -> the common ancestor of the modules before and behind it.

    If this ancestor is an owner or may be a list, take its nearest ancestor that is neither. Leave out nodes
    that would not move deeper, and nodes that may stand between two calls (see `_within_calls`).
    """
    open_nodes = sorted(node for node, module in placed.items() if module in lost and node not in found)
    is_open = set(open_nodes)
    before = {node: found.get(node, module) for node, module in placed.items() if node not in is_open}
    behind = dict(before)
    for node in open_nodes:
        _meet(before, node, graph.predecessors(node))
    for node in reversed(open_nodes):
        _meet(behind, node, graph.successors(node))
    owners = set(found.values())
    within = _within_calls(open_nodes, found)
    between = {}
    for node in open_nodes:
        if node not in before or node not in behind or node not in within:
            continue
        meeting = common_ancestor((before[node], behind[node])) or ROOT
        while meeting and (meeting in owners or _is_list(meeting, before[node], behind[node])):
            meeting = meeting.parent or ROOT
        if meeting != placed[node] and placed[node].holds(meeting):
            between[node] = meeting
    return between


def _within_calls(nodes: Iterable[int], found: Mapping[int, ModulePath]) -> set[int]:
    """Return the nodes between two nodes with owners, if the second owner first appears after the first.

    If the second owner appeared earlier, a block is called again: the node may stand between two calls.
    """
    in_order = sorted(found)
    first: dict[ModulePath, int] = {}
    for node in in_order:
        first.setdefault(found[node], node)
    within = set()
    for node in nodes:
        position = bisect_left(in_order, node)
        if 0 < position < len(in_order):
            last, following = found[in_order[position - 1]], found[in_order[position]]
            if first[last] < first[following]:
                within.add(node)
    return within


def _meet(known: dict[int, ModulePath], node: int, others: Iterable[int]) -> None:
    meeting = common_ancestor(known[other] for other in others if other in known)
    if meeting is not None:
        known[node] = meeting


def _is_list(module: ModulePath, *beneath: ModulePath) -> bool:
    """Whether a module may be a list, which is never called: one of the paths is in a numbered child."""
    return any(map(module.holds_numbered, beneath))
