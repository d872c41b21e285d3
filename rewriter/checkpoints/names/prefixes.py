"""Finds the key of a checkpoint for each name of a file, where a wrapper's prefix may differ.

A wrapper adds a prefix to all names inside it: `encoder.layer...` in the checkpoint may be
`model.encoder.layer...` in the file, or the reverse. Names outside the wrapper have no prefix in either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from rewriter.errors import UsageError
from rewriter.paths import ModulePath

_DEEPEST = 4
"""Maximum number of atoms of a prefix."""


class Prefixes(NamedTuple):
    """The prefix to remove from names of the file, and the one to put in its place."""

    file: str = ""
    keys: str = ""

    def key_of(self, name: str) -> str:
        """Return the key for a name of the file; the name itself if it does not have the prefix."""
        return f"{self.keys}{name.removeprefix(self.file)}" if name.startswith(self.file) else name

    def name_of(self, key: str) -> str:
        """Return the name in the file for a key."""
        return f"{self.file}{key.removeprefix(self.keys)}" if key.startswith(self.keys) else key


def prefixes_of(names: Collection[str], keys: Collection[str], chosen: str | None = None) -> Prefixes:
    """Return the prefixes by which most names have a key.

    Args:
        names: the names of parameters in the file.
        keys: the keys of the checkpoint.
        chosen: the prefix of the keys, as the user states it; None to find it.

    Raises:
        UsageError: several prefixes of the keys fit equally well, or no key has the chosen one.
    """
    if chosen is not None:
        chosen = f"{chosen.removesuffix('.')}." if chosen else ""
        if not any(key.startswith(chosen) for key in keys):
            raise UsageError(f"no key of the checkpoint begins with {chosen!r}")
    fits = {pair: _count(names, keys, pair) for pair in _candidates(names, keys, chosen)}
    best = max(fits.values())
    found = [pair for pair, count in fits.items() if count == best]
    if not best or found[0] == Prefixes():
        return found[0]
    assigned = {pair: frozenset(map(pair.key_of, names)) & frozenset(keys) for pair in found}
    if len(set(assigned.values())) > 1:
        told = ", ".join(sorted({repr(pair.keys) for pair in found}))
        raise UsageError(
            f"{best:,} names of the file fit keys with each of the prefixes {told}; choose one by --prefix"
        )
    return found[0]


def _candidates(names: Iterable[str], keys: Iterable[str], chosen: str | None) -> list[Prefixes]:
    """Return the pairs to try; a name without any prefix first."""
    ours = _common(names)
    theirs = [chosen] if chosen is not None else _common(keys)
    return list(dict.fromkeys(Prefixes(file, key) for file in ours for key in theirs))


def _common(names: Iterable[str]) -> list[str]:
    """Return '' and the prefixes that a third of the names have, the shorter first."""
    counts: Counter[str] = Counter()
    total = 0
    for name in names:
        total += 1
        atoms = ModulePath(name).atoms
        counts.update(f"{'.'.join(atoms[:depth])}." for depth in range(1, min(len(atoms), _DEEPEST + 1)))
    return ["", *(prefix for prefix, count in counts.items() if 3 * count >= total)]


def _count(names: Iterable[str], keys: Collection[str], pair: Prefixes) -> int:
    return sum(pair.key_of(name) in keys for name in names)
