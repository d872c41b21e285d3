"""Concludes the meaning of call chains from the owners of parameters.

A node in scope `enc` that reads `blocks.enc.weight` shows that `enc` means `blocks.enc` there. For every
owner of a parameter, the first of these readings counts:

1. the whole chain leads to the owner, past the fewest hidden containers; other scopes that read the same
   weight only borrow it (tied weights, equal weights that the exporter merged);
2. the end of the chain leads to the owner, a module registered elsewhere in the tree and called from here;
3. the chain leads to an ancestor of the owner: this ancestor uses the weights of its descendant itself;
4. the beginning of the chain leads to the owner: a descendant of the owner uses the owner's weights.

Readings 3 and 4 count only if 1 and 2 explain neither the scope nor the owner.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rewriter.evidence.names.scope_alignment import (
    Alignment,
    align,
    align_above,
    align_beneath,
    align_from_elsewhere,
)
from rewriter.evidence.names.scope_grammar import without_counter
from rewriter.paths import ROOT, ModulePath


class _Reading(NamedTuple):
    """A scope, the chain that it is read as (with or without its counter), and the alignment of the chain."""

    text: str
    chain: str
    alignment: Alignment

    @property
    def rank(self) -> tuple[bool, int]:
        """Sort key; the smallest is the simplest reading."""
        return self.alignment.detour > 0, self.alignment.hidden


class Lessons:
    """Facts about scopes and chains that owners of parameters prove.

    Attributes:
        proven: scope -> the modules that its own nodes prove -> the chain that the scope was read as.
        meanings: chain -> the modules that it was read as, in order of appearance.
        holders: parent chain without a known meaning -> the module that holds all known modules called there.
            Such a caller is a Sequential made of its parent's children (`block.net` calls `block.conv1`).
        between: (parent chain, name without numbers) -> the containers hidden between the parent
            and its child of that name; None if the child's name extends the parent's.
    """

    def __init__(self, owners: Mapping[str, Sequence[ModulePath]]) -> None:
        """Learn from all scopes and the owners of the parameters that their nodes read."""
        self.proven: dict[str, dict[ModulePath, str]] = {}
        self.meanings: dict[str, dict[ModulePath, None]] = {}
        self.between: dict[tuple[str, str], str | None] = {}
        self.holders: dict[str, ModulePath] = {}
        readings = _simplest(owners)
        for reading in readings:
            self._learn(reading)
        explained = {reading.alignment.steps[-1][1] for reading in readings}
        for text, of_text in owners.items():
            if text not in self.proven:
                for owner in of_text:
                    if owner not in explained:
                        self._learn_from_relative(text, owner)
        self._compare_siblings()
        self._find_holders()

    def _learn(self, reading: _Reading) -> None:
        self.proven.setdefault(reading.text, {})[reading.alignment.steps[-1][1]] = reading.chain
        self._learn_steps(reading.chain, reading.alignment)

    def _learn_steps(self, chain: str, alignment: Alignment) -> None:
        for end, module in alignment.steps:
            self.meanings.setdefault(chain[:end], {})[module] = None

    def _learn_from_relative(self, text: str, owner: ModulePath) -> None:
        if above := align_above(text, owner):
            self._learn(_Reading(text, text, above))
        elif beneath := align_beneath(text, owner):
            self._learn_steps(text, beneath)

    def _compare_siblings(self) -> None:
        for chain, modules in self.meanings.items():
            parent, _, name = chain.rpartition("/")
            for module in modules:
                for above in self.meanings.get(parent, () if parent else (ROOT,)):
                    if (found := _stands_between(above, module, name)) is not None:
                        self.between.setdefault((parent, name.partition(".")[0]), found[0])

    def _find_holders(self) -> None:
        holders: dict[str, set[str]] = {}
        for modules in self.proven.values():
            for module, chain in modules.items():
                parent, _, name = chain.rpartition("/")
                if parent and parent not in self.meanings:
                    borrowed = module.endswith(f".{name}")
                    holders.setdefault(parent, set()).add(module[: -len(name) - 1] if borrowed else "")
        for parent, found in holders.items():
            if len(found) == 1 and (holder := found.pop()):
                self.holders[parent] = ModulePath(holder)


def _stands_between(parent: ModulePath, module: ModulePath, name: str) -> tuple[str | None] | None:
    """Return a tuple with one text: the hidden containers (`blocks.`) between `parent` and `module`, or ''.

    None if `module` is no descendant, or does not end with `name`; (None,) if `name` extends the name of the
    parent.
    """
    if not module.endswith(name) or not parent.holds(module) or parent == module:
        return None
    before = module[: len(module) - len(name)]
    if parent.holds(before.rstrip(".")):
        return (before[len(parent) + 1 if parent else 0 :],)
    return (None,)


def _simplest(owners: Mapping[str, Sequence[ModulePath]]) -> list[_Reading]:
    """Return the simplest readings for every owner, in order of appearance."""
    readings: dict[ModulePath, list[_Reading]] = {}
    for read, borrowing in ((align, False), (align_from_elsewhere, True)):
        for text, of_text in owners.items():
            for owner in of_text:
                found = readings.setdefault(owner, [])
                if not borrowing or not found or found[0].rank[0]:
                    found += [_Reading(text, chain, a) for chain in forms(text) if (a := read(chain, owner))]
    return [reading for found in readings.values() for reading in _least(found)]


def _least(found: list[_Reading]) -> list[_Reading]:
    least = min((reading.rank for reading in found), default=None)
    return [reading for reading in found if reading.rank == least]


def forms(text: str) -> Iterator[str]:
    """Yield the chains that a scope may be read as: unchanged, and without its counter."""
    yield text
    if counted := without_counter(text):
        yield counted[0]
