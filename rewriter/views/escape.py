"""Makes text of a model safe to show, since names in a file may contain anything."""

from __future__ import annotations

import re
import unicodedata
from html import escape

from rewriter.paths import ModulePath

ROOT_NAME = "(root)"
_MISLEADING = frozenset({"", ".", "..", ROOT_NAME})
"""Names of modules that would look like the root, like no name, or like a path."""
_RUN = re.compile(r"[\x00-\x7f]?[^\x00-\x7f]+")
"""Characters outside ASCII, and the one before them, which they may change."""


def as_text(value: str | bytes) -> str:
    r"""Decode a protobuf string; a string that is not UTF-8 arrives as bytes and gets `\xff` escapes."""
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


def visible(value: str | bytes, *, ascii_only: bool = False) -> str:
    r"""Escape characters that could mislead a terminal or a reader, or break the line.

    All characters that `str.isprintable` rejects become Python escapes such as `\x1b` and `\u202e`: control
    characters (C0, C1), bidirectional and zero-width marks, all spaces except the ASCII one, line separators,
    lone surrogates, and unassigned or private characters. So do characters outside
    ASCII in a run that is not in Unicode's composed form (NFC): it would look like its composed form.

    Args:
        value: text of any origin.
        ascii_only: whether to escape all characters outside ASCII, for a terminal without Unicode.
    """
    text = as_text(value)
    if not unicodedata.is_normalized("NFC", text):
        text = _RUN.sub(_composed, text)
    if text.isprintable() and (text.isascii() or not ascii_only):
        return text
    return "".join(
        char
        if char.isprintable() and (char.isascii() or not ascii_only)
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def _composed(run: re.Match[str]) -> str:
    text = run[0]
    return (
        text if unicodedata.is_normalized("NFC", text) else text.encode("ascii", "backslashreplace").decode()
    )


def shown_name(name: str | bytes, *, ascii_only: bool = False) -> str:
    """Return a name of a module to show.

    A name that is empty, `.`, `..` or `(root)`, or begins or ends with a space, stands in quotes.
    """
    shown = visible(name, ascii_only=ascii_only)
    return f"'{shown}'" if shown in _MISLEADING or shown != shown.strip() else shown


def shown_last(path: ModulePath, *, ascii_only: bool = False) -> str:
    """Return the last name of a module's path to show; `(root)` for the root."""
    return shown_name(path.name, ascii_only=ascii_only) if path else ROOT_NAME


def shown_path(path: ModulePath, *, ascii_only: bool = False) -> str:
    """Return the path of a module to show; `(root)` for the root.

    A path that is called `(root)`, has an empty name, or begins or ends with a space, stands in quotes.
    """
    if not path:
        return ROOT_NAME
    shown = shown_name(path, ascii_only=ascii_only)
    return shown if path.is_named or shown.startswith("'") else f"'{shown}'"


def shorten(text: str, limit: int, dots: str = "…") -> str:
    """Shorten a text to at most `limit` characters by replacing its middle."""
    if len(text) <= limit:
        return text
    kept = max(limit - len(dots), 0)
    return text[: (kept + 1) // 2] + dots[:limit] + (text[-(kept // 2) :] if kept > 1 else "")


def html_text(text: str | bytes, limit: int) -> str:
    """Escape and shorten a text for HTML or SVG, between tags or in a quoted attribute."""
    return escape(shorten(visible(text), limit))
