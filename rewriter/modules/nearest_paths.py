"""Suggests patterns over module paths in place of a pattern that matches no path."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from glob import escape
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from rewriter.basics.nearest import LEAST_LIKENESS, MOST_COMPARED, MOST_NAMED, likeness, said

if TYPE_CHECKING:
    from rewriter.modules.module_tree import ModuleTree

_MOST_ALIGNED = 300
"""Maximum number of paths compared with a pattern atom by atom: those with the most similar atoms."""


def no_module_fits(pattern: str, tree: ModuleTree) -> str:
    """Return the message for a glob that matches no module path, with the nearest patterns that match one.

    Without such patterns, the message lists some paths. If the glob matches a class, the message
    advises to select by class instead.

    Example: `no module fits 'encoder.layr.*'; nearest: model.encoder.layer.*`.
    """
    message = f"no module fits {pattern!r}"
    if len(tree) == 1:
        return f"{message}; no module hierarchy was found in this file"
    paths = [str(module.path) for module in tree if module.path]
    near = nearest_patterns(pattern, paths)
    classes = {name for module in tree for name in (module.class_name, module.short_class) if name}
    if any(fnmatchcase(name, pattern) for name in classes):
        near = tuple(text for text in near if text.endswith(pattern))
        return f"{message}; it is a class, chosen by --class {pattern}{said(near, paths) if near else ''}"
    return message + said(near, paths, where="'rewriter tree'")


def nearest_patterns(pattern: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns that match a path and differ least from the given pattern.

    Misspelled atoms are replaced by those of the path, and atoms are added or removed: `encoder.layr.*`
    becomes `model.encoder.layer.*` in a tree below `model`.

    Args:
        pattern: a glob over paths that matches none of them, see `ModulePath.matches`.
        paths: the paths, without the root.

    Returns:
        Patterns that match, the nearest first, after `**.` with the given pattern if several of them end with
        it; () if the pattern has nothing in common with any path.
    """
    wanted = tuple(pattern.split("."))
    best: dict[str, tuple[float, int]] = {}
    for order, atoms in _promising(wanted, paths):
        found = _aligned(wanted, atoms)
        if found is not None:
            text = ".".join(found.atoms)
            best[text] = min(best.get(text, (found.cost, order)), (found.cost, order))
    ranked = sorted(best, key=best.__getitem__)
    cheapest = best[ranked[0]][0] if ranked else 0.0
    near = [text for text in ranked if best[text][0] <= cheapest + _FARTHER][:MOST_NAMED]
    anywhere = f"**.{pattern}"
    wrapped = [text for text in near if text.endswith(f".{pattern}") and text != anywhere]
    return (anywhere, *near[: MOST_NAMED - 1]) if len(wrapped) > 1 else tuple(near)


def _promising(pattern: tuple[str, ...], paths: Iterable[str]) -> list[tuple[int, tuple[str, ...]]]:
    """Return the paths that the pattern most likely means, best first: the number and the atoms of each."""
    globs = [glob for glob in dict.fromkeys(pattern) if glob.strip("*?")]
    alike: dict[str, list[float]] = {}
    scored = []
    for order, path in enumerate(islice(paths, MOST_COMPARED)):
        atoms = tuple(path.split("."))
        for atom in atoms:
            if atom not in alike:
                alike[atom] = [0.0 if (apart := _meant(glob, atom)) is None else 1 - apart for glob in globs]
        told = sum(map(max, *(alike[atom] for atom in atoms), [0.0] * len(globs)))
        if told:
            scored.append((-told, len(atoms), order, atoms))
    return [(order, atoms) for *_, order, atoms in sorted(scored)[:_MOST_ALIGNED]]


class _PatternReading(NamedTuple):
    """Pattern changed to match a path: the cost of the changes, and its atoms."""

    cost: float
    atoms: tuple[str, ...]

    def then(self, cost: float, *atoms: str) -> _PatternReading:
        """Return the reading after one more change."""
        return _PatternReading(self.cost + cost, (*self.atoms, *atoms))


class _Cell(NamedTuple):
    """Cheapest readings of a prefix of the pattern as a prefix of the path.

    Attributes:
        open: the reading before any atom of the pattern but wildcards has matched; the atoms of the path may
            be wrappers so far.
        meant: the reading after such an atom has matched.
    """

    open: _PatternReading | None = None
    meant: _PatternReading | None = None


_OTHER_CASE = 0.1
_OTHER_NUMBER = 0.5
_OTHER_GLOB = 0.6
_WRAPPER_LACKS = 0.06
"""Cost of an atom that the pattern lacks before its first match: exporters and heads wrap models."""
_WRAPPER_MORE = 0.4
_LACKS = 0.55
_MORE = 0.9
_FARTHER = 0.45
"""Maximum difference in cost between a suggestion and the nearest pattern."""


def _aligned(pattern: tuple[str, ...], path: tuple[str, ...]) -> _PatternReading | None:
    """Return the cheapest reading of a pattern as a path; None if they have nothing in common."""
    start = tuple(map(escape, path))
    row = [_Cell(_PatternReading(at * _WRAPPER_LACKS, start[:at])) for at in range(len(path) + 1)]
    for glob in pattern:
        row = _any_atoms(row, path) if glob == "**" else _one_atom(row, glob, path)
    return row[-1].meant


def _any_atoms(row: list[_Cell], path: tuple[str, ...]) -> list[_Cell]:
    """Return the next row after `**`, which matches any number of atoms."""
    found = [_Cell(*(each and each.then(0.0, "**") for each in row[0]))]
    for at in range(len(path)):
        new = [each and each.then(0.0, "**") for each in row[at + 1]]
        found.append(_Cell(*(_cheaper(*pair) for pair in zip(new, found[at], strict=True))))
    return found


def _one_atom(row: list[_Cell], glob: str, path: tuple[str, ...]) -> list[_Cell]:
    """Return the next row after any other atom, which the path may contain, replace or lack."""
    opening, begun = row[0]
    found = [_Cell(opening and opening.then(_WRAPPER_MORE), begun and begun.then(_MORE))]
    for at, atom in enumerate(path):
        left, above, before = found[at], row[at + 1], row[at]
        plain = escape(atom)
        open_ = _cheaper(
            above.open and above.open.then(_WRAPPER_MORE),
            left.open and left.open.then(_WRAPPER_LACKS, plain),
        )
        meant = _cheaper(
            above.meant and above.meant.then(_MORE),
            left.meant and left.meant.then(_LACKS, plain),
        )
        if (apart := _meant(glob, atom)) is not None:
            kept = glob if fnmatchcase(atom, glob) else plain
            meant = _cheaper(meant, before.meant and before.meant.then(apart, kept))
            started = before.open and before.open.then(apart, kept)
            if glob.strip("*?"):
                meant = _cheaper(meant, started)
            else:
                open_ = _cheaper(open_, started)
        found.append(_Cell(open_, meant))
    return found


def _cheaper(one: _PatternReading | None, other: _PatternReading | None) -> _PatternReading | None:
    if one is None or other is None:
        return one or other
    return one if one.cost <= other.cost else other


@lru_cache(maxsize=65536)
def _meant(glob: str, atom: str) -> float | None:
    """Return the distance between an atom of a pattern and one of a path; None if too different."""
    if fnmatchcase(atom, glob):
        return 0.0
    if fnmatchcase(atom.casefold(), glob.casefold()):
        return _OTHER_CASE
    if atom.isdecimal() and glob.isdecimal():
        return _OTHER_NUMBER + min(abs(int(atom[:9]) - int(glob[:9])), 99) / 1000
    if atom.isdecimal() and "[" in glob:
        return _OTHER_GLOB
    alike = likeness(glob, atom)
    return 1 - alike if alike >= LEAST_LIKENESS else None
