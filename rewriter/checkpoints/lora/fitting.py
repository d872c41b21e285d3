"""Finds the key of a base weight for each parameter that an adapter changes.

The names of an adapter are those of the model that peft adapted. That model may be a part of the exported
one, or the reverse; then all names differ by a prefix. A prefix counts only if it is the only one by which
most names fit, and none is exchanged for another: that would give a module the adapter of a different one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import NamedTuple

from rewriter.errors import UsageError


class AdapterPrefix(NamedTuple):
    """The prefix that the names of an adapter lose, and the one that they get."""

    lost: str = ""
    added: str = ""

    def key_of(self, name: str) -> str:
        """Return the key for a name of the adapter; the name itself if it lacks the prefix."""
        return f"{self.added}{name.removeprefix(self.lost)}" if name.startswith(self.lost) else name


def prefix_of(names: Collection[str], keys: Collection[str], chosen: str | None = None) -> AdapterPrefix:
    """Return the prefix by which most names of an adapter are keys; none if the names themselves are.

    Args:
        names: the parameters that the adapter changes.
        keys: the keys of the base weights.
        chosen: the prefix that the names lose, as the user states it; None to find it.

    Raises:
        UsageError: several prefixes fit equally well, or no name has the chosen one.
    """
    if chosen:
        lost = f"{chosen.removesuffix('.')}."
        rest = [name.removeprefix(lost) for name in names if name.startswith(lost)]
        if not rest:
            raise UsageError(f"no module of the adapter begins with {lost!r}")
        return AdapterPrefix(lost, prefix_of(rest, keys, "").added)
    known, wanted = frozenset(keys), frozenset(names)
    plain = sum(name in known for name in wanted)
    fits: Counter[AdapterPrefix] = Counter()
    fits.update(AdapterPrefix(added=start) for key in known for start, end in _cuts(key) if end in wanted)
    if chosen is None:
        fits.update(
            AdapterPrefix(lost=start) for name in wanted for start, end in _cuts(name) if end in known
        )
    best = max(fits.values(), default=0)
    found = sorted(each for each, fit in fits.items() if fit == best)
    if plain >= best:
        return AdapterPrefix()
    if len(found) == 1:
        return found[0]
    told = ", ".join(sorted({repr(each.lost or each.added) for each in found}))
    raise UsageError(
        f"{best:,} names of the adapter fit weights with each of the prefixes {told}, and nothing shows the "
        "right one"
    )


def _cuts(name: str) -> Iterator[tuple[str, str]]:
    """Yield each prefix of whole atoms, none of them a number, with the rest of a name."""
    at = name.find(".")
    while at >= 0:
        if name[:at].rpartition(".")[2].isdecimal():
            return
        yield name[: at + 1], name[at + 1 :]
        at = name.find(".", at + 1)
