"""Display of results: `repr` is one line, `str` is the output of the command line for the result."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module


class Display:
    """Base class of results; dataclasses that inherit it set `repr=False`, to keep its `__repr__`."""

    __slots__ = ()

    def _brief(self) -> str:
        """Return a summary of a few words, on one line."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._brief()}>"

    def __str__(self) -> str:
        # Views import all results and load slowly, so they are imported here by name.
        text: str = import_module("rewriter.views.text.display").text_of(self)
        return text


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: `1 node`, `1,200 nodes`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(names: Iterable[object], most: int = 3) -> str:
    """Return the first names, and the number of the others; `none` if there are no names.

    Args:
        names: the names; line breaks and other special characters become escapes.
        most: maximum number of names.
    """
    found = [str(name).encode("unicode_escape").decode("ascii") for name in names]
    shown = [name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..." for name in found[:most]]
    return ", ".join([*shown, *([f"and {len(found) - most:,} more"] if len(found) > most else [])]) or "none"


_LONGEST = 80
"""Maximum number of characters of a name."""
