"""Parses the sizes of symbolic dimensions on the command line."""

from __future__ import annotations

from collections.abc import Sequence

from rewriter.errors import UsageError


def read_sizes(dims: Sequence[str]) -> dict[str, int]:
    """Return dimension -> size: `("batch=1",)` -> `{"batch": 1}`.

    Raises:
        UsageError: a word is not `NAME=SIZE`, or a name is given twice.
    """
    sizes = {}
    for word in dims:
        name, equals, size = word.rpartition("=")
        if not equals or not name or not (size.isascii() and size.isdecimal() and len(size) < 10):
            raise UsageError(f"cannot read --dim {word!r}; write a name and a size: --dim batch=1")
        if name in sizes:
            raise UsageError(f"--dim {name} is given twice; give it once")
        sizes[name] = int(size)
    return sizes
