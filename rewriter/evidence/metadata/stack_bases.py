"""Finds the base of an entry of a module stack: the module that the entry is relative to (see `stacks`).

If the text of the entry does not show the base, the weights that its nodes read do, else the other entries
at the same level.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from types import MappingProxyType
from typing import NamedTuple

from rewriter.evidence.metadata.owners_by_reader import Owner, WeightsRead
from rewriter.paths import ROOT, ModulePath, common_ancestor

Stack = tuple[ModulePath, ...]


class Entry(NamedTuple):
    """The next entry in the stacks of some nodes: the path `rest`, relative to a base.

    Attributes:
        rest: the known part of the path.
        base: the base; None if it has to be found.
        likely: the base if nothing shows another one.
        nodes: the nodes whose stacks have this entry, in file order.
        way: the text before `rest`, if attributes or another registered name led there; None otherwise.
        tails: node -> the path from this entry to the last one on its stack, if the texts show it.
    """

    rest: str
    base: ModulePath | None
    likely: ModulePath
    nodes: list[int]
    way: str | None = None
    tails: Mapping[int, str] = MappingProxyType({})


def find_bases(
    entries: Mapping[ModulePath, Entry], above: Stack, weights: WeightsRead
) -> dict[int, ModulePath]:
    """Return node -> the base of its entry, for all entries of one level that have none yet."""
    open_entries = [entry for entry in entries.values() if entry.base is None]
    bases: dict[int, ModulePath | None] = {}
    for entry in open_entries:
        bases |= _told_by_weights(entry, above, weights)
    bases |= _told_by_way(open_entries, bases)
    if not any(above):
        _keep_contested(open_entries, bases)
    told = {base for base in bases.values() if base is not None}
    parent = above[-1] if above else ROOT
    extended = any(entry.base is not None for text, entry in entries.items() if text)
    from_root = (extended and parent not in told) or any(entry.way is not None for entry in open_entries)
    for entry in open_entries:
        if all(bases[node] is None for node in entry.nodes):
            base = _default(entry, told, above, weights, from_root=from_root)
            bases |= dict.fromkeys(entry.nodes, base)
    in_order = sorted(bases)
    texts = {node: entry.rest for entry in open_entries for node in entry.nodes}
    filled = _fill([bases[node] for node in in_order], [texts[node] for node in in_order])
    return dict(zip(in_order, filled, strict=True))


def _default(
    entry: Entry, told: Set[ModulePath], above: Stack, weights: WeightsRead, *, from_root: bool
) -> ModulePath | None:
    """Return the base of an entry whose weights show none; None to leave it to `_fill`.

    Args:
        entry: the entry.
        told: the bases of other entries of the level, by weights.
        above: the modules on the stack.
        weights: the owners of the weights that nodes read.
        from_root: whether torch knew its position at this level, so that the text is a path from the root.
    """
    if entry.way is not None or entry.likely.child(entry.rest) in weights.modules:
        return entry.likely
    if from_root or entry.rest in weights.modules:
        return ROOT
    if told - {*above, ROOT}:
        return None
    return next(iter(told)) if len(told) == 1 else entry.likely


def _told_by_way(entries: Sequence[Entry], bases: Mapping[int, ModulePath | None]) -> dict[int, ModulePath]:
    """Return node whose weights show no base -> the only base that weights show for entries of its `way`."""
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


def _keep_contested(entries: Sequence[Entry], bases: dict[int, ModulePath | None]) -> None:
    """Replace the bases of entries directly below the root by the root, apart from contested bases.

    A base is contested if weights show it and another one for the same entry. A single base proves nothing:
    the weights of a module with two names may have the other name. Entries with a `way` keep their bases.
    """
    answers = [{bases[node] for node in entry.nodes} - {None} for entry in entries]
    contested = {base for told in answers if len(told) > 1 for base in told} | {ROOT}
    for entry in entries:
        for node in entry.nodes:
            if bases[node] not in contested and bases[node] is not None and entry.way is None:
                bases[node] = ROOT


def _told_by_weights(entry: Entry, above: Stack, weights: WeightsRead) -> dict[int, ModulePath | None]:
    """Return node -> the base of the entry by weights, None if unknown; one base for all if weights agree.

    If weights that only support disagree, the likely base counts for all, if it is among their bases.
    """
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
        base = base_holding(rest, owner, bases)
        if base is None and owner.decides:
            base = _beside(rest, owner, weights)
        if base is not None and base not in bases:
            there = owner.module.relative_to(base) if base.holds(owner.module) else rest
            if weights.may_own(node, entry.likely.child(there)):
                base = entry.likely
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


def base_holding(rest: str, owner: Owner, bases: Iterable[ModulePath]) -> ModulePath | None:
    """Return the base under which `rest` holds the owner: one of `bases`, else one that no entry names.

    None without such a base. A base that no entry names needs an owner that decides.
    """
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
    """Return the nearest ancestor, except the root, of the owner that has a known submodule `rest`, or None.

    A norm that was folded into a Conv beside it reads the weights of that Conv.
    """
    return next((p for p in owner.module.ancestors() if p and p.child(rest) in weights.modules), None)


def _fill(bases: Sequence[ModulePath | None], texts: Sequence[str]) -> Iterator[ModulePath]:
    """Return the bases in file order; the known base before an unknown one replaces it, else the one behind.

    The entries before the first known base begin a call. The same entries before a later base begin another
    call, and get that later base. Without any known base, all become the root.
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
