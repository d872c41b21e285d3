"""Finds the key of a checkpoint for each name of a file, where a wrapper's prefix may differ.

A wrapper adds a prefix to all names of a model: `encoder.layer...` in the checkpoint may be
`model.encoder.layer...` in the file, or the reverse. A prefix that only some names of the file have is that
of a module, and modules are never renamed: that would give a layer the weights of another one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from rewriter.errors import UsageError
from rewriter.paths import ROOT, ModulePath, common_ancestor

_DEEPEST = 4
"""Maximum number of atoms of a prefix."""


class Prefixes(NamedTuple):
    """The prefix that all names of the file have, and the one that their keys have instead."""

    file: str = ""
    keys: str = ""

    def key_of(self, name: str) -> str:
        """Return the key for a name of the file."""
        return f"{self.keys}{name.removeprefix(self.file)}"

    def name_of(self, key: str) -> str:
        """Return the name in the file for a key; the key itself if it lacks the prefix."""
        return f"{self.file}{key.removeprefix(self.keys)}" if key.startswith(self.keys) else key


def prefixes_of(names: Collection[str], keys: Collection[str], chosen: str | None = None) -> Prefixes:
    """Return the prefixes by which most names have a key; none if the names themselves are as many keys.

    Args:
        names: the names of parameters in the file.
        keys: the keys of the checkpoint.
        chosen: the prefix of the keys, as the user states it; None to find it.

    Raises:
        UsageError: several prefixes of the keys fit equally well, or no key has the chosen one.
    """
    theirs = _of_many(keys)
    if chosen is not None:
        chosen = f"{chosen.removesuffix('.')}." if chosen else ""
        theirs = [chosen]
        if not any(key.startswith(chosen) for key in keys):
            raise UsageError(f"no key of the checkpoint begins with {chosen!r}")
    pairs = [Prefixes(ours, other) for ours in _of_all(names) for other in theirs]
    fits = {pair: sum(pair.key_of(name) in keys for name in names) for pair in pairs}
    best = max(fits.values())
    found = {frozenset(map(pair.key_of, names)): pair for pair, fit in reversed(fits.items()) if fit == best}
    first = next(pair for pair, fit in fits.items() if fit == best)
    if not best or first == Prefixes() or len(found) == 1:
        return first
    told = ", ".join(sorted({repr(pair.keys) for pair in found.values()}))
    raise UsageError(
        f"{best:,} names of the file fit keys with each of the prefixes {told}; choose one by --prefix"
    )


def _of_all(names: Collection[str]) -> list[str]:
    """Return '' and the prefixes of whole atoms that all names have, the shorter first."""
    atoms = (common_ancestor(ModulePath(name).parent or ROOT for name in names) or ROOT).atoms
    return ["", *(f"{'.'.join(atoms[:depth])}." for depth in range(1, min(len(atoms), _DEEPEST) + 1))]


def _of_many(keys: Iterable[str]) -> list[str]:
    """Return '' and the prefixes that a tenth of the keys have, the shorter first."""
    counts: Counter[str] = Counter()
    total = 0
    for key in keys:
        total += 1
        atoms = ModulePath(key).atoms
        counts.update(f"{'.'.join(atoms[:depth])}." for depth in range(1, min(len(atoms), _DEEPEST + 1)))
    return ["", *(prefix for prefix, count in counts.items() if 10 * count >= total)]
