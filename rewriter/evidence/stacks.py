"""Module stacks as torch records them -> paths from the root.

Every entry of a stack should extend the one before: `model`, `model.1`, `model.1.cv1`. Where somebody
replaced `forward` on an instance (to fuse, to hook, to patch), torch loses track of where it is, and an entry
is only what that `forward` called: `model`, `model.1`, `conv`. Such an entry is relative to

- the module before it, or another one below which the weights that its nodes read have it (`table`, which a
  caller passed down from the root);
- a module that no entry names, where the weights say so: `conv` with the weights of `blocks.0.conv`, then of
  `blocks.1.conv`, when `blocks.0.forward` was called and not `blocks.0`.

Entries without weights follow those beside them in the same stack. Next to an entry that extends the stack,
or that strict export reached through attributes, any other is absolute: torch knew there where it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from rewriter.evidence.access_paths import Access, read
from rewriter.evidence.weights_read import Owner, WeightsRead
from rewriter.paths import ROOT, ModulePath, common_ancestor

Stack = tuple[ModulePath, ...]


class _Level(NamedTuple):
    """Nodes whose stacks agree as far as they are `resolved`, as texts and as paths."""

    nodes: list[int]
    texts: Stack
    resolved: Stack


class _Entry(NamedTuple):
    """What stands next in the stack of some nodes: `rest`, relative to a module that has to be found.

    Attributes:
        rest: the path as far as it is sure.
        base: what it is relative to; None for an entry that has to be looked into.
        likely: what it is relative to where nothing else tells.
        nodes: those that have it, in file order.
        way: the attributes that lead from `likely` to it; None where none do.
        tails: node -> what follows it on the stack of that node, where the texts tell.
    """

    rest: str
    base: ModulePath | None
    likely: ModulePath
    nodes: list[int]
    way: str | None = None
    tails: Mapping[int, str] = MappingProxyType({})


def extends(stack: Stack) -> bool:
    """Whether every entry extends the one before, and none leads through attributes."""
    above = ""
    for entry in stack:
        if above and not entry.startswith(above + "."):
            return False
        above = entry
    return "__" not in above and "[" not in above and ".forward." not in f".{above}."


def are_contradicted(stacks: Mapping[int, Stack], weights: WeightsRead) -> bool:
    """Whether an entry below the root would own weights of several modules, which no module does."""
    bases: dict[str, ModulePath] = {}
    for node, stack in stacks.items():
        first = next(filter(None, stack), None)
        owner = weights.owner(node) if first is not None else None
        if first is None or owner is None or not owner.decides:
            continue
        base = _holding(first, owner, (ROOT,))
        if base is not None and bases.setdefault(first, base) != base:
            return True
    return False


def resolve(stacks: Mapping[int, Stack], weights: WeightsRead) -> dict[int, Stack]:
    """Node -> the modules on its stack, from the root down."""
    resolved: dict[int, Stack] = {}
    pending = [_Level(list(stacks), (), ())]
    while pending:
        level = pending.pop()
        depth = len(level.texts)
        beneath: dict[ModulePath, list[int]] = {}
        for node in level.nodes:
            if len(stacks[node]) == depth:
                resolved[node] = level.resolved
            else:
                beneath.setdefault(stacks[node][depth], []).append(node)
        entries = {text: _enter(text, nodes, level, stacks, weights) for text, nodes in beneath.items()}
        bases = _find_bases(entries, level.resolved, weights)
        for text, entry in entries.items():
            placed: dict[ModulePath, list[int]] = {}
            for node in entry.nodes:
                base = entry.base if entry.base is not None else bases[node]
                placed.setdefault(base.child(entry.rest), []).append(node)
            for path, nodes in placed.items():
                pending.append(_Level(nodes, (*level.texts, text), (*level.resolved, path)))
    return resolved


def _enter(
    text: ModulePath, nodes: list[int], level: _Level, stacks: Mapping[int, Stack], weights: WeightsRead
) -> _Entry:
    """An entry behind those of `level`, with its base where the text alone tells it."""
    parent = level.resolved[-1] if level.resolved else ROOT
    for raw, path in zip(reversed(level.texts), reversed(level.resolved), strict=True):
        if raw and raw != path and text.startswith(raw + "."):
            return _Entry(text[len(raw) + 1 :], path, path, nodes)
    if access := read(text, weights.modules):
        ends = {node: stacks[node][-1] for node in nodes}
        tails = {n: end[len(text) + 1 :] for n, end in ends.items() if end.startswith(text + ".")}
        return _Entry(access.rest, None, _base_of(access, level), nodes, access.way, tails)
    if any(path and text.startswith(path + ".") for path in level.resolved):
        return _Entry(text, ROOT, ROOT, nodes)
    return _Entry(text, None if text else ROOT, parent, nodes)


def _base_of(access: Access, level: _Level) -> ModulePath:
    """The module whose attribute leads on: one on the stack, under the path it has there."""
    for raw, path in zip(reversed(level.texts), reversed(level.resolved), strict=True):
        if raw == access.base:
            return path
    return access.base


def _find_bases(
    entries: Mapping[ModulePath, _Entry], above: Stack, weights: WeightsRead
) -> dict[int, ModulePath]:
    """Node -> what the entry that it has is relative to, for all entries of one level whose base is open."""
    parent = above[-1] if above else ROOT
    open_entries = [entry for entry in entries.values() if entry.base is None]
    bases: dict[int, ModulePath | None] = {}
    for entry in open_entries:
        bases |= _told_by_weights(entry, above, weights)
    bases |= _told_by_way(open_entries, bases)
    told = {base for base in bases.values() if base is not None}
    if not parent:
        told = _keep_contested(open_entries, bases)
    from_root = any(entry.way is not None for entry in open_entries) or (
        parent not in told and any(entry.base is not None for text, entry in entries.items() if text)
    )
    for entry in open_entries:
        if any(bases[node] is not None for node in entry.nodes):
            continue
        if entry.likely.child(entry.rest) in weights.modules:
            base = entry.likely
        elif entry.way is None and (from_root or entry.rest in weights.modules):
            base = ROOT
        elif told.issubset((*above, ROOT)):
            base = next(iter(told)) if len(told) == 1 else entry.likely
        else:
            continue
        bases |= dict.fromkeys(entry.nodes, base)
    in_order = sorted(bases)
    texts = {node: entry.rest for entry in open_entries for node in entry.nodes}
    filled = _fill([bases[node] for node in in_order], [texts[node] for node in in_order])
    return dict(zip(in_order, filled, strict=True))


def _told_by_way(entries: Sequence[_Entry], bases: Mapping[int, ModulePath | None]) -> dict[int, ModulePath]:
    """The bases of entries without weights to which the same attributes lead as to others with weights."""
    by_way: dict[str, set[ModulePath]] = {}
    for entry in entries:
        if entry.way is not None:
            told = (base for node in entry.nodes if (base := bases[node]) is not None)
            by_way.setdefault(entry.way, set()).update(told)
    return {
        node: next(iter(by_way[entry.way]))
        for entry in entries
        if entry.way is not None and len(by_way[entry.way]) == 1
        for node in entry.nodes
        if bases[node] is None
    }


def _keep_contested(entries: Sequence[_Entry], bases: dict[int, ModulePath | None]) -> set[ModulePath]:
    """Below the root an entry is what it says, unless it had the weights of several modules otherwise.

    A module that is registered under two names owns weights that bear the other one.

    Returns:
        the bases that are left.
    """
    answers = [{bases[node] for node in entry.nodes} - {None} for entry in entries]
    contested = {base for told in answers if len(told) > 1 for base in told} | {ROOT}
    for entry in entries:
        for node in entry.nodes:
            if bases[node] not in contested and bases[node] is not None and entry.way is None:
                bases[node] = ROOT
    return {base for base in bases.values() if base is not None}


def _told_by_weights(entry: _Entry, above: Stack, weights: WeightsRead) -> dict[int, ModulePath | None]:
    """Node -> what the entry is relative to by its weights: the same for all where no weights differ."""
    bases = tuple(dict.fromkeys((entry.likely, *reversed(above), ROOT)))
    decided: dict[int, ModulePath] = {}
    supported: dict[int, ModulePath] = {}
    for node in entry.nodes:
        owner = weights.owner(node)
        if owner is None:
            continue
        rest = entry.rest or entry.tails.get(node)
        if not rest:
            continue
        base = _holding(rest, owner, bases)
        if base is None and owner.decides:
            base = _beside(rest, owner, weights)
        if base is not None:
            (decided if owner.decides else supported)[node] = base
        elif common_ancestor((entry.likely.child(rest), owner.module)):
            supported[node] = entry.likely
    votes = decided or supported
    answers = set(votes.values())
    if len(answers) == 1:
        return dict.fromkeys(entry.nodes, answers.pop())
    if not decided:
        return dict.fromkeys(entry.nodes, entry.likely if entry.likely in answers else None)
    return {node: votes.get(node) for node in entry.nodes}


def _holding(rest: str, owner: Owner, bases: Iterable[ModulePath]) -> ModulePath | None:
    """The base under which `rest` holds the owner: one of `bases`, else one that no entry names."""
    for base in bases:
        if base.child(rest).holds(owner.module):
            return base
    if not owner.decides:
        return None
    for path in (owner.module, *owner.module.ancestors()):
        if path.endswith("." + rest):
            return ModulePath(path[: -len(rest) - 1])
    return None


def _beside(rest: str, owner: Owner, weights: WeightsRead) -> ModulePath | None:
    """The base that brings `rest` beside the owner: a norm that was folded into a Conv reads its weights."""
    return next((p for p in owner.module.ancestors() if p and p.child(rest) in weights.modules), None)


def _fill(bases: Sequence[ModulePath | None], texts: Sequence[str]) -> Iterator[ModulePath]:
    """Give entries without weights the base of those before them, in file order.

    Those that stood before the first entry with weights stand before the first of every later base as well.
    """
    known = [position for position, base in enumerate(bases) if base is not None]
    lead = list(texts[: known[0]]) if known else []
    filled = list(bases)
    for before, behind in zip((-1, *known), (*known, len(bases)), strict=True):
        left = filled[before] if before >= 0 else None
        right = filled[behind] if behind < len(bases) else None
        gap = list(texts[before + 1 : behind])
        cut = len(gap) - len(lead) if lead and gap[len(gap) - len(lead) :] == lead else len(gap)
        for position in range(before + 1, behind):
            of_left = left is not None and (right is None or position - before - 1 < cut)
            filled[position] = left if of_left else right
    return (base if base is not None else ROOT for base in filled)
