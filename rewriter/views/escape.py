"""Text from a file, made safe to show: names in a model are whatever its author wrote there."""

from __future__ import annotations

from html import escape


def as_text(value: str | bytes) -> str:
    r"""A protobuf string as text; bytes that are not UTF-8 come as bytes and turn into `\xff` escapes."""
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


def visible(value: str | bytes, *, ascii_only: bool = False) -> str:
    r"""`value` on one line without anything a terminal or a reader's eye could be led astray by.

    Control characters (C0, C1), bidirectional and zero-width marks, line separators and lone surrogates
    come out as the escapes Python writes for them, such as `\x1b` and `\u202e`.

    Args:
        value: text of any origin.
        ascii_only: escape everything a terminal without Unicode cannot show as well.
    """
    text = as_text(value)
    if text.isprintable() and (text.isascii() or not ascii_only):
        return text
    return "".join(
        char
        if char.isprintable() and (char.isascii() or not ascii_only)
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def shorten(text: str, limit: int, dots: str = "…") -> str:
    """`text` in at most `limit` characters, its middle left out where it is longer."""
    if len(text) <= limit:
        return text
    kept = max(limit - len(dots), 0)
    return text[: (kept + 1) // 2] + dots[:limit] + (text[-(kept // 2) :] if kept > 1 else "")


def html_text(text: str | bytes, limit: int) -> str:
    """`text` for HTML or SVG, between tags or in a quoted attribute: visible, shortened, escaped."""
    return escape(shorten(visible(text), limit))
