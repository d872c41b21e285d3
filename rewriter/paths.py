"""ModulePath: the position of a module in its tree, written as in PyTorch (`encoder.layer.0`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import lru_cache


class ModulePath(str):
    """A dotted module path; the root is the empty path.

    A path is a `str`: every module has one spelling, so paths hash, compare and sort at the speed of strings
    and pass through JSON unchanged. PyTorch forbids '.' in the name of a module, so the split into atoms is
    exact.
    """

    __slots__ = ()

    @property
    def atoms(self) -> tuple[str, ...]:
        """The names from the root down; `()` for the root."""
        return tuple(self.split(".")) if self else ()

    @property
    def depth(self) -> int:
        """Number of atoms: 0 for the root."""
        return self.count(".") + 1 if self else 0

    @property
    def is_named(self) -> bool:
        """Whether no atom is empty; a path with an empty atom is a relative tag, such as `.self.query`."""
        return not self or ".." not in f".{self}."

    @property
    def name(self) -> str:
        """The last atom, '' for the root."""
        return self.rpartition(".")[2]

    @property
    def parent(self) -> ModulePath | None:
        """The module one level up; None for the root."""
        return ModulePath(self.rpartition(".")[0]) if self else None

    def child(self, name: str) -> ModulePath:
        """Return the path of the submodule `name`, which may itself be dotted."""
        return ModulePath(f"{self}.{name}" if self and name else self or name)

    def holds(self, other: str) -> bool:
        """Whether `other` is this module or lies inside it."""
        return not self or other == self or other.startswith(self + ".")

    def holds_numbered(self, other: ModulePath) -> bool:
        """Whether `other` lies in a numbered child of this module, as `layers.0.fc` in `layers`."""
        return self.holds(other) and other.relative_to(self).partition(".")[0].isdecimal()

    def cut(self, depth: int | None) -> ModulePath:
        """Return the ancestor at `depth`; this path if `depth` is None or at least the depth of this path."""
        if depth is None or self.depth <= depth:
            return self
        return ModulePath(".".join(self.atoms[:depth]))

    def ancestors(self) -> Iterator[ModulePath]:
        """Yield the ancestors, from the parent up to the root."""
        path = self.parent
        while path is not None:
            yield path
            path = path.parent

    def relative_to(self, ancestor: str) -> str:
        """Return the rest of this path below `ancestor`.

        Raises:
            ValueError: `ancestor` does not hold this path.
        """
        if not ModulePath(ancestor).holds(self):
            raise ValueError(f"{self!r} is not inside {ancestor!r}")
        return self[len(ancestor) + 1 :] if ancestor else str(self)

    def matches(self, glob: str) -> bool:
        """Whether the path matches a glob: `*`, `?`, `[0-3]` within an atom, `**` for any number of atoms."""
        return _fits(self.atoms, tuple(glob.split(".")) if glob else ())


ROOT = ModulePath("")


def common_ancestor(paths: Iterable[ModulePath]) -> ModulePath | None:
    """Return the deepest module that holds all `paths`; None if `paths` is empty."""
    common: ModulePath | None = None
    for path in paths:
        if common is None:
            common = path
        elif not common.holds(path):
            common = _meet(common, path)
    return common


def _meet(left: ModulePath, right: ModulePath) -> ModulePath:
    shared: list[str] = []
    for a, b in zip(left.atoms, right.atoms, strict=False):
        if a != b:
            break
        shared.append(a)
    return ModulePath(".".join(shared))


@lru_cache(maxsize=65536)
def _fits(atoms: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not atoms
    if pattern[0] == "**":
        return _fits(atoms, pattern[1:]) or (bool(atoms) and _fits(atoms[1:], pattern))
    return bool(atoms) and fnmatchcase(atoms[0], pattern[0]) and _fits(atoms[1:], pattern[1:])
