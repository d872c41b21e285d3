"""Error messages for names that match nothing, with the nearest existing names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import islice

MOST_NAMED = 4
MOST_COMPARED = 20_000
"""Maximum number of names compared with a word: about 0.5 s before an error is printed."""
_FARTHER = 0.2
"""Maximum difference between the similarity of the nearest name and that of a further suggestion."""
LEAST_LIKENESS = 0.6
"""Minimum similarity of a suggestion; the default of `difflib.get_close_matches`."""


def fits_nothing(what: str, word: str, known: Iterable[object], *, where: str = "") -> str:
    """Return the message for a word that matches no name.

    `no class fits 'Linaer'; nearest: Linear`, or, if no name is similar, the first names:
    `no pass fits 'x'; there are annotate, restore_names, unshare, group and 3 more`.

    Args:
        what: the kind of thing, such as `class`.
        word: the word or glob.
        known: the existing names; empty names and objects that are not `str` are skipped.
        where: a command that lists all names; it ends a message that shows only the first names.
    """
    names = [name for name in dict.fromkeys(islice(known, MOST_COMPARED)) if isinstance(name, str) and name]
    return f"no {what} fits {word!r}{said(nearest(word, names), names, where=where)}"


def said(near: Sequence[str], known: Sequence[str], *, where: str = "") -> str:
    """Return the end of the message: `; nearest: ...`, else `; there are ...`, else `; there is none`."""
    if near:
        return f"; nearest: {', '.join(near)}"
    more = len(known) - MOST_NAMED
    listed = ", ".join(known[:MOST_NAMED])
    if more > 0:
        return f"; there are {listed} and {more:,} more{where and f', see {where}'}"
    if not known:
        return "; there is none"
    return f"; there {'is' if len(known) == 1 else 'are'} {listed}"


def nearest(word: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return at most `MOST_NAMED` names similar to a word, best first.

    Case is ignored. A name that contains the word, or is contained in it, counts as similar if the word has
    at least three letters.
    """
    ranked = []
    for order, name in enumerate(islice(names, MOST_COMPARED)):
        alike = likeness(word, name)
        if alike >= LEAST_LIKENESS:
            ranked.append((-alike, order, name))
    ranked.sort()
    best = -ranked[0][0] if ranked else 0.0
    return tuple(name for less, _, name in ranked if -less >= best - _FARTHER)[:MOST_NAMED]


@lru_cache(maxsize=65536)
def likeness(word: str, name: str) -> float:
    """Return the similarity of a name to a word or glob, 0 to 1."""
    plain, other = word.strip("*?").casefold(), name.casefold()
    if not plain:
        return 0.0
    if plain == other:
        return 1.0
    matcher = SequenceMatcher(None, other, plain)
    if matcher.real_quick_ratio() < LEAST_LIKENESS or matcher.quick_ratio() < LEAST_LIKENESS:
        likeness = 0.0
    else:
        likeness = matcher.ratio()
    if len(plain) >= 3 and (plain in other or other in plain):
        return max(likeness, LEAST_LIKENESS)
    return likeness
