"""Cuts the fields of many messages at once from their bytes, with numpy.

Each step finds the next field of every message that has one: a few operations on whole arrays, whatever the
number of messages. The format: https://protobuf.dev/programming-guides/encoding. The bytes must be output of
protobuf itself, never those of a file: every length is right, and a singular field occurs once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

BYTES = 2
"""The wire type of strings, bytes and messages."""
_FIRST = 1 << 3 | BYTES
_MOST = 256
"""Maximum fields of a message; longer messages are faster to read one by one."""

Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields of concatenated messages in `data`, ordered by message and position.

    Attributes:
        data: the bytes of the messages, and two more to look ahead.
        text: the bytes of the messages, one character per byte.
        count: number of messages.
        message, tag, start, stop: one number per field; start and stop delimit its content.
    """

    data: NDArray[np.uint8]
    text: str
    count: int
    message: Array
    tag: Array
    start: Array
    stop: Array

    def of(self, tag: int) -> Fields:
        """Return the fields with one tag."""
        return self.part(self.tag == tag)

    def part(self, which: slice | NDArray[np.bool_]) -> Fields:
        """Return the fields that `which` selects."""
        return replace(
            self,
            message=self.message[which],
            tag=self.tag[which],
            start=self.start[which],
            stop=self.stop[which],
        )

    def of_message(self, message: int) -> Fields:
        """Return the fields of one message."""
        return self.part(slice(*self.message.searchsorted((message, message + 1))))

    def texts(self) -> list[str]:
        """Return the contents of the fields as text; as bytes if they are not UTF-8."""
        text = self.text
        found = [
            text[start:stop] for start, stop in zip(self.start.tolist(), self.stop.tolist(), strict=True)
        ]
        return found if all(map(str.isascii, found)) else [*map(_decoded, found)]

    def only(self) -> list[str]:
        """Return the content of the only field of each message, '' for a message without one."""
        if len(self.message) == self.count:
            return self.texts()
        found = [""] * self.count
        for message, text in zip(self.message.tolist(), self.texts(), strict=True):
            found[message] = text
        return found

    def lists(self, texts: list[str]) -> list[list[str]]:
        """Return the texts of the fields of each message."""
        ends = np.bincount(self.message, minlength=self.count).cumsum().tolist()
        return [texts[start:stop] for start, stop in zip([0, *ends], ends, strict=False)]

    def first_names(self) -> Fields | None:
        """Return field 1, a name, of the messages in these fields; None if a message begins otherwise."""
        if not (self.data[self.start] == _FIRST).all() or not (self.start < self.stop).all():
            return None
        start, length = _lengths(self.data, self.start + 1)
        return replace(self, start=start, stop=start + length)


def cut(written: list[bytes]) -> Fields | None:
    """Return the fields of messages that hold only strings, bytes and messages, with numbers below 16.

    Args:
        written: the bytes of each message, as written by protobuf.

    Returns:
        The fields; None if a message has other fields, or more than `_MOST` fields.
    """
    whole = b"".join(written)
    stops = np.fromiter(map(len, written), np.int64, len(written)).cumsum()
    starts = np.concatenate(([0], stops[:-1]))
    return _fields(np.frombuffer(whole + b"\0\0", np.uint8), whole.decode("latin-1"), starts, stops)


def _fields(data: NDArray[np.uint8], text: str, starts: Array, stops: Array) -> Fields | None:
    """Find the first field of every message, then the second of those that have one, and so on."""
    message = np.flatnonzero(starts < stops)
    position, stops_left = starts[message], stops[message]
    found: list[tuple[Array, ...]] = []
    while len(message):
        if len(found) == _MOST:
            return None
        tags = data[position]
        if ((tags & 0x87) != BYTES).any():
            return None
        begin, length = _lengths(data, position + 1)
        end = begin + length
        found.append((message, tags.astype(np.int64), begin, end))
        left = np.flatnonzero(end < stops_left)
        message, position, stops_left = message[left], end[left], stops_left[left]
    if not found:
        return Fields(data, text, len(starts), *(np.empty(0, np.int64) for _ in range(4)))
    message, tag, start, stop = map(np.concatenate, zip(*found, strict=True))
    order = message.argsort(kind="stable")
    return Fields(data, text, len(starts), message[order], tag[order], start[order], stop[order])


def _lengths(data: NDArray[np.uint8], position: Array) -> tuple[Array, Array]:
    """Return start and length of the content after the varint lengths at `position`."""
    length = data[position].astype(np.int64)
    position = position + 1
    more = np.flatnonzero(length >= 0x80)
    length[more] &= 0x7F
    shift = 7
    while len(more):
        byte = data[position[more]].astype(np.int64)
        position[more] += 1
        length[more] |= (byte & 0x7F) << shift
        shift += 7
        more = more[byte >= 0x80]
    return position, length


def _decoded(text: str) -> str:
    """Decode a text of one character per byte as protobuf does: to text, or to bytes if it is not UTF-8."""
    data = text.encode("latin-1")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data  # type: ignore[return-value]
