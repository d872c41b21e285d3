"""Bytes of a fuzzer, read as choices; when they run out, every further choice is the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_ODD = (
    *("", "/", "//", "/a", "a/b", "/a/b/MatMul", "/a.0/b_1/Add_2", "/a/b/Add_output_0", "a.b.weight", "a..b"),
    *(
        ".",
        "..",
        "../../x",
        "::",
        "A::/B::b/C::c.0/Op",
        "A::__module.a/B::__module.a.b/aten::add",
        "__module",
    ),
    *("layer.0", "layer.1", "_1", "a_01", "a_" + "9" * 5000, "a." * 300, "/a" * 300, "\x00", "\x1b[31m", "é"),
    *("['', 'a', 'a.b', 'add']", "['', 'a', 1]", "[" * 200, "['']", ": r.C/a: p.E/add: aten.add", ": /: /"),
    *("0", "1", "-1", "01", "²", "1" * 5000, "0-3 5", "call 1", "true", "{}", "[]", "null"),
)
"""Texts that mean something to one of the parsers, or nearly."""


class Choices:
    """Reads bytes from the front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """The number of bytes not read yet."""
        return len(self._data) - self._at

    def bytes(self, count: int) -> bytes:
        """The next bytes, at most so many."""
        found = self._data[self._at : self._at + count]
        self._at += len(found)
        return found

    def number(self, below: int) -> int:
        """A number from 0 on, of one or two bytes."""
        return int.from_bytes(self.bytes(1 if below <= 256 else 2), "little") % below if below else 0

    def pick(self, among: Sequence[T]) -> T:
        """One of a sequence that is not empty."""
        return among[self.number(len(among))]

    def text(self, known: Sequence[str] = ()) -> str:
        """A text: a known one, an odd one, two of these together, or raw bytes."""
        match self.number(5):
            case 0 | 1 if known:
                return self.pick(known)
            case 2:
                return self.pick(_ODD) + self.pick(_ODD)
            case 3:
                return self.bytes(1 + self.number(24)).decode("utf-8", "replace")
        return self.pick(_ODD)
