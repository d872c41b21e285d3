"""Objects that show themselves: one line as `repr`, and as `str` what the command line prints of them."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module


class Display:
    """A result of the library; dataclasses that are one say `repr=False`, since they make their own."""

    __slots__ = ()

    def _brief(self) -> str:
        """Its contents in a few words, on one line."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._brief()}>"

    def __str__(self) -> str:
        # Views lie above all results, and cost time to load: they are loaded by name when they are needed.
        text: str = import_module("rewriter.views.text.display").text_of(self)
        return text


def counted(count: int, noun: str) -> str:
    """`1 node`, `1,200 nodes`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(names: Iterable[object], most: int = 3) -> str:
    """The first of some names, and how many more there are.

    Args:
        names: written as text, with line breaks as escapes.
        most: names at the most.
    """
    found = [str(name).encode("unicode_escape").decode("ascii") for name in names]
    shown = [name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..." for name in found[:most]]
    return ", ".join([*shown, *([f"and {len(found) - most:,} more"] if len(found) > most else [])]) or "none"


_LONGEST = 80
"""Characters of a name."""
