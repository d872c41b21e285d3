"""Makes text from a file safe to show: an author may write anything into names of a model."""

from __future__ import annotations

from html import escape


def as_text(value: str | bytes) -> str:
    r"""A protobuf string as text; bytes that are not UTF-8 come as bytes and turn into `\xff` escapes."""
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


def visible(value: str | bytes, *, ascii_only: bool = False) -> str:
    r"""`value` on one line, without characters that could mislead a terminal or a reader.

    Control characters (C0, C1), bidirectional and zero-width marks, line separators and lone surrogates
    are escaped as in Python, such as `\x1b` and `\u202e`.

    Args:
        value: text of any origin.
        ascii_only: also escape everything that a terminal without Unicode cannot show.
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
    """`text` in at most `limit` characters; a longer one loses its middle."""
    if len(text) <= limit:
        return text
    kept = max(limit - len(dots), 0)
    return text[: (kept + 1) // 2] + dots[:limit] + (text[-(kept // 2) :] if kept > 1 else "")


def html_text(text: str | bytes, limit: int) -> str:
    """`text` for HTML or SVG, between tags or in a quoted attribute: visible, shortened, escaped."""
    return escape(shorten(visible(text), limit))
