"""Walks the wire format of a model before protobuf parses it, and measures its entries and depth.

An empty node has two bytes, but takes protobuf over a hundred bytes of memory. If messages are
nested too deeply, protobuf says only that the file is corrupt. The format:
https://protobuf.dev/programming-guides/encoding; the field numbers: `onnx.proto`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto

from rewriter.model.limits import Limits

Buffer = bytes | mmap

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LARGE = 1 << 16
"""Size in bytes below which the entries of a message are not counted one by one."""
_TINY = 2
"""Maximum size in bytes of a tiny message: the only entries counted inside small messages."""
_BLOCK = 1 << 18
"""Number of bytes that are searched at once: the results of each step stay in the cache of a core."""
_SPARSE = 16
"""Bytes of small messages per tiny message inside them; from this ratio on, no exact count is needed."""
DEEPEST = 3_000
"""Nesting at which the walk stops; protobuf reads a hundred levels."""
_GRAPH_OF_MODEL, _METADATA_OF_MODEL = 7, 14


def _messages() -> dict[str, dict[int, str]]:
    """Return the kinds of messages in the fields of each kind, as the installed onnx defines them."""
    found: dict[str, dict[int, str]] = {}
    waiting = [ModelProto.DESCRIPTOR]
    while waiting:
        kind = waiting.pop()
        if kind.full_name not in found:
            held = {field.number: field.message_type for field in kind.fields if field.message_type}
            found[kind.full_name] = {number: each.full_name for number, each in held.items()}
            waiting += held.values()
    return found


_INSIDE = _messages()
_MODEL, _GRAPH, _NODE, _ATTRIBUTE = (
    kind.DESCRIPTOR.full_name for kind in (ModelProto, GraphProto, NodeProto, AttributeProto)
)


class Malformed(Exception):
    """Exception for bytes that are no message: not an ONNX model, or a truncated one."""


@dataclass(slots=True)
class Walk:
    """Result of a walk over the bytes of a model.

    Attributes:
        graphs: number of main graphs: two in a file with two concatenated models.
        depth: nesting of graph attributes; of large messages only, unless all were requested.
        levels: nesting of messages; of large messages only, unless all were requested. At `DEEPEST` the walk
            stopped.
    """

    graphs: int = 0
    depth: int = 0
    levels: int = 0


def walk(data: bytes, limits: Limits) -> Walk:
    """Count the entries of a model, without reading the raw data of large tensors.

    Raises:
        Malformed: the bytes are no message.
        UnreadableModel: there are more entries or nodes than the limits allow.
    """
    walker = _Walker(data, limits, everything=False)
    if walker.is_dense:
        _Walker(data, limits, everything=True)
    return walker.found


def depth_of(data: bytes, limits: Limits) -> Walk:
    """Measure the nesting of graph attributes and messages, including those in small messages.

    Raises:
        Malformed: the bytes are no message.
        UnreadableModel: there are more entries or nodes than the limits allow.
    """
    return _Walker(data, limits, everything=True).found


class _Walker:
    """Walker over a model: enters large messages, and small ones only on request.

    Attributes:
        found: the result so far.
        entries: fields of large messages, and tiny messages in small ones.
        tiny: an estimate of the number of tiny messages in skipped small messages, see `_tiny_in`.
        passed_over: total bytes of the skipped small messages.
    """

    def __init__(self, data: bytes, limits: Limits, *, everything: bool) -> None:
        self.data = data
        self.octets = np.frombuffer(data, np.uint8)
        self.limits = limits
        self.everything = everything
        self.found = Walk()
        self.entries = self.nodes = self.tiny = self.passed_over = 0
        self.waiting = [(_MODEL, 0, len(data), (0, 0), True)]
        while self.waiting and self.found.levels < DEEPEST:
            self._enter(*self.waiting.pop())

    @property
    def is_dense(self) -> bool:
        """Whether the skipped small messages may contain so many tiny ones that they must be counted."""
        return self.entries + self.tiny > self.limits.entries and self.tiny * _SPARSE > self.passed_over

    def _enter(self, kind: str, position: int, end: int, inside_of: tuple[int, int], is_large: bool) -> None:
        depth, levels = inside_of
        self.found.depth = max(self.found.depth, depth)
        self.found.levels = max(self.found.levels, levels)
        inside = _INSIDE[kind]
        behind_large = position
        while position < end:
            tag, start, length = _field(self.data, position, end)
            position = start + length
            if position > end:
                raise Malformed
            field = tag >> 3
            within = inside.get(field) if tag & 7 == _BYTES else None
            if is_large or (within is not None and length <= _TINY):
                self._count(within)
            self.found.graphs += kind == _MODEL and field == _GRAPH_OF_MODEL
            if length >= _LARGE or self.everything:
                self._pass_over(behind_large, start)
                behind_large = position
                if within is not None and length:
                    further = (depth + (kind == _ATTRIBUTE and within == _GRAPH), levels + 1)
                    self.waiting.append((within, start, position, further, length >= _LARGE))
        self._pass_over(behind_large, end)

    def _count(self, within: str | None) -> None:
        self.entries += 1
        if self.entries > self.limits.entries:
            self.limits.demand("entries", self.entries, "too many nodes, tensors and other entries")
        if within == _NODE:
            self.nodes += 1
            if self.nodes > self.limits.nodes:
                self.limits.demand("nodes", self.nodes, "too many nodes")

    def _pass_over(self, start: int, stop: int) -> None:
        if not self.everything and stop - start > 1:
            self.passed_over += stop - start
            self.tiny += _tiny_in(self.octets[start:stop])


def _tiny_in(octets: NDArray[np.uint8]) -> int:
    """Return an upper bound on the number of tiny messages.

    Every pair of bytes that could begin such a message counts; names and numbers contain few such pairs. The
    first byte is the tag, and the second the length; or the tag continues in the second byte, because the
    number of its field is above 15 or its varint is longer than needed. No field of onnx has a number above
    31, so the second byte of such a tag is 0 or 1 without its top bit, which continues a varint. The length
    is 0 or `_TINY`, since no message has one byte. Larger messages do not matter: parsed, a tiny message
    takes a hundred times its bytes, a larger one a few times.
    """
    found = 0
    for start in range(1, len(octets), _BLOCK):
        seconds = octets[start : start + _BLOCK] & 0x7F
        places = np.flatnonzero(seconds <= _TINY)  # few in names and numbers
        first, second = octets[places + (start - 1)], seconds[places]
        begins = ((first & 0x87) == _BYTES) & ((second == 0) | (second == _TINY))
        begins |= ((first & 0x87) == (_BYTES | 0x80)) & (second <= 1)
        found += int(np.count_nonzero(begins))
    return found


def entries_of_model(data: Buffer) -> Iterator[tuple[int, int]]:
    """Yield start and end of each metadata entry of a model; all other fields are skipped.

    Raises:
        Malformed: the bytes are no message.
    """
    position, end = 0, len(data)
    while position < end:
        tag, start, length = _field(data, position, end)
        position = start + length
        if position > end:
            raise Malformed
        if tag == _METADATA_OF_MODEL << 3 | _BYTES:
            yield start, position


def _field(data: Buffer, position: int, end: int) -> tuple[int, int, int]:
    """Return the tag of a field, the start of its content, and the size of the content in bytes."""
    if end - position > 2 and (tag := data[position]) & 0x87 == _BYTES:  # the fast path for nearly all fields
        length, more = data[position + 1], data[position + 2]
        if length < 0x80:
            return tag, position + 2, length
        if more < 0x80:
            return tag, position + 3, length & 0x7F | more << 7
    tag, position = _varint(data, position, end)
    length, position = _length(data, position, end, tag & 7)
    return tag, position, length


def _length(data: Buffer, position: int, end: int, wire_type: int) -> tuple[int, int]:
    """Return size and start of a field's content, from the position after its tag; a varint has size 0."""
    if wire_type == _BYTES:
        return _varint(data, position, end)
    if wire_type == _VARINT:
        return 0, _varint(data, position, end)[1]
    if wire_type == _FIXED32:
        return 4, position
    if wire_type == _FIXED64:
        return 8, position
    raise Malformed


def _varint(data: Buffer, position: int, end: int) -> tuple[int, int]:
    """Return a number, and the position after it."""
    number = shift = 0
    while position < end:
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7
        if shift > 63:
            raise Malformed
    raise Malformed
