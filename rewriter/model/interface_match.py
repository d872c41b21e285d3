"""Matches the inputs or outputs of two models."""

from __future__ import annotations

from collections.abc import Sequence


def counterparts(ours: Sequence[str], theirs: Sequence[str]) -> list[int]:
    """Return position of each name in `ours` -> position of its counterpart in `theirs`.

    Equal names are counterparts, since callers give and take values by name. The other names are matched in
    order. Both lists have the same length.
    """
    places: dict[str, list[int]] = {}
    for at in reversed(range(len(theirs))):
        places.setdefault(theirs[at], []).append(at)
    found = [places[name].pop() if places.get(name) else None for name in ours]
    others = iter(sorted(at for left in places.values() for at in left))
    return [next(others) if at is None else at for at in found]
