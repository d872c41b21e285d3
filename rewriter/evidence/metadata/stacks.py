"""Resolves the module stacks that torch records to paths from the root.

Every entry of a stack should extend the one before: `model`, `model.1`, `model.1.cv1`. If somebody replaced
`forward` on an instance (to fuse, to hook, to patch), torch loses its position in the tree, and an entry is
only the name by which that `forward` called a submodule: `model`, `model.1`, `conv`. The weights that the
nodes of the entry read show its base, the module that the entry is relative to:

- the module before it, or another one on the stack (the root, if it passed its child `table` down);
- a module that no entry names: `conv` with the weights of `blocks.0.conv`, then of `blocks.1.conv`, if
  `blocks.0.forward` was called and not `blocks.0`.

An entry without weights is relative to the module before it if parameters show that this module has such a
submodule, or else a path from the root if parameters show that path. Else its base comes from the entries
beside it, at the same level of the stack. If one of these extends the stack, and no weights show the module
before as a base, torch knew its position at that level, and the entry is a path from the root. The same holds
if strict export reached one of these through attributes. An entry reached through attributes is relative to
the module whose attribute was read, unless weights show another base.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rewriter.evidence.metadata.access_paths import Access, read
from rewriter.evidence.metadata.owners_by_reader import WeightsRead
from rewriter.evidence.metadata.stack_bases import Entry, Stack, base_holding, find_bases
from rewriter.paths import ROOT, ModulePath


class _Level(NamedTuple):
    """Nodes whose stacks begin alike, with these entries as recorded (`texts`) and as paths (`resolved`)."""

    nodes: list[int]
    texts: Stack
    resolved: Stack


def extends(stack: Stack) -> bool:
    """Whether every entry of a stack extends the one before, and none leads through attributes."""
    above = ""
    for entry in stack:
        if above and not entry.startswith(above + "."):
            return False
        above = entry
    return "__" not in above and "[" not in above and ".forward." not in f".{above}."


def are_contradicted(stacks: Mapping[int, Stack], weights: WeightsRead) -> bool:
    """Whether weights contradict the stacks by showing several bases for one entry at the top level."""
    bases: dict[str, ModulePath] = {}
    for node, stack in stacks.items():
        first = next(filter(None, stack), None)
        owner = weights.owner(node) if first is not None else None
        if first is None or owner is None or owner.module == stack[-1] or not owner.decides:
            continue
        base = base_holding(first, owner, (ROOT,))
        if base is not None and bases.setdefault(first, base) != base:
            return True
    return False


def resolve(stacks: Mapping[int, Stack], weights: WeightsRead) -> dict[int, Stack]:
    """Return node -> the modules on its stack, from the root down."""
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
        bases = find_bases(entries, level.resolved, weights)
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
) -> Entry:
    """Make the entry that follows those of `level`, with its base if the text alone shows it."""
    parent = level.resolved[-1] if level.resolved else ROOT
    for raw, path in zip(reversed(level.texts), reversed(level.resolved), strict=True):
        if raw and raw != path and text.startswith(raw + "."):
            return Entry(text[len(raw) + 1 :], path, path, nodes)
    if access := read(text, weights.modules):
        ends = {node: stacks[node][-1] for node in nodes}
        tails = {n: end[len(text) + 1 :] for n, end in ends.items() if end.startswith(text + ".")}
        return Entry(access.rest, None, _base_of(access, level), nodes, access.way, tails)
    if _has_another_name(text, parent, level):
        return Entry(text.name, None, parent, nodes, text.parent)
    if any(path and text.startswith(path + ".") for path in level.resolved):
        return Entry(text, ROOT, ROOT, nodes)
    return Entry(text, None if text else ROOT, parent, nodes)


def _has_another_name(text: ModulePath, parent: ModulePath, level: _Level) -> bool:
    """Whether an entry seems to name a child of `parent`, which is registered twice, by its other path.

    If torch lost its position, it writes the first path of a child that a Sequential calls.
    """
    elsewhere = text.parent
    if not parent or elsewhere is None or parent.holds(text) or level.texts[-1] == parent:
        return False
    return elsewhere.name == parent.name and text not in level.resolved


def _base_of(access: Access, level: _Level) -> ModulePath:
    """Return the module whose attribute is read, under its resolved path if it is on the stack."""
    for raw, path in zip(reversed(level.texts), reversed(level.resolved), strict=True):
        if raw == access.base:
            return path
    return access.base
