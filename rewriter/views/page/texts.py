"""Texts of the page: safe and short names of the file, types of values, and the table that holds them."""

from __future__ import annotations

from collections.abc import Iterable

from rewriter.runtime.inputs.signature import Known
from rewriter.views.escape import shorten, visible
from rewriter.views.json.stats import element_name

_LONGEST = 400
"""Maximum number of characters of a name, since a file may contain names of any length."""


class TextTable:
    """Table of texts without duplicates, addressed by number."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}

    def number(self, text: str | None) -> int:
        """Return the number of a text, and add the text if it is new; -1 for None."""
        return -1 if text is None else self.texts.setdefault(shown(text), len(self.texts))


def shown(text: str | bytes) -> str:
    """Shorten and escape a name of the file for the page."""
    return shorten(visible(text), _LONGEST)


def known_text(known: Known | None) -> str | None:
    """Return element type and dimensions of a value; None if nothing is known."""
    if known is None:
        return None
    name = element_name(known.element) or "unknown type"
    return f"{name}, rank unknown" if known.dims is None else type_text(name, known.dims)


def type_text(dtype: str, dims: Iterable[object]) -> str:
    """Return element type and dimensions, with `?` for an unknown size: `float32 [2, ?, 128]`."""
    return f"{dtype} [{', '.join('?' if dim is None else str(dim) for dim in dims)}]"
