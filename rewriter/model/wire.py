"""The wire format of a model, walked before protobuf parses it: how much there is, and how deep.

Two bytes make an empty node, and protobuf spends a hundred and more on it; where messages are too deep inside
each other it says only that the file is corrupt. The format: https://protobuf.dev/programming-guides/encoding;
the numbers of the fields: `onnx.proto`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

from rewriter.model.limits import Limits

Buffer = bytes | mmap

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LARGE = 1 << 16
"""Bytes of a message below which its entries are not counted."""

_MODEL, _TRAINING, _GRAPH, _FUNCTION, _NODE, _ATTRIBUTE, _OTHER = range(7)
_GRAPH_OF_MODEL, _METADATA_OF_MODEL = 7, 14
# kind -> field -> kind of what the field holds; what is not here holds no lists worth counting.
_INSIDE: dict[int, dict[int, int]] = {
    _MODEL: {_GRAPH_OF_MODEL: _GRAPH, 20: _TRAINING, 25: _FUNCTION},
    _TRAINING: {1: _GRAPH, 2: _GRAPH},
    _GRAPH: {1: _NODE},
    _FUNCTION: {7: _NODE, 11: _ATTRIBUTE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {6: _GRAPH, 11: _GRAPH},
    _OTHER: {},
}


class Malformed(Exception):
    """The bytes are no message: not an ONNX model, or cut off midway."""


@dataclass(slots=True)
class Walk:
    """What a walk over the bytes of a model found.

    Attributes:
        graphs: main graphs: two in a file that two models were written into.
        depth: graph attributes inside each other; of large messages only, unless all were asked for.
    """

    graphs: int = 0
    depth: int = 0


def walk(data: bytes, limits: Limits, *, everything: bool = False) -> Walk:
    """Count the entries of a model in time linear in their number, without reading tensors.

    Args:
        data: the file.
        limits: where to stop.
        everything: look into small messages, too.

    Raises:
        Malformed: the bytes are no message.
        UnreadableModel: there are more entries than the limits allow.
    """
    found = Walk()
    entries = nodes = 0
    waiting = [(_MODEL, 0, len(data), 0)]
    while waiting:
        kind, position, end, depth = waiting.pop()
        found.depth = max(found.depth, depth)
        inside = _INSIDE[kind]
        while position < end:
            entries += 1
            if entries > limits.entries:
                limits.demand("entries", entries, "too many nodes, tensors and other entries")
            tag, start, length = _field(data, position, end)
            position = start + length
            if position > end:
                raise Malformed
            if tag & 7 == _BYTES:
                field = tag >> 3
                found.graphs += kind == _MODEL and field == _GRAPH_OF_MODEL
                within = inside.get(field)
                nodes += within == _NODE
                if nodes > limits.nodes:
                    limits.demand("nodes", nodes, "too many nodes")
                if within is not None and (everything or length >= _LARGE):
                    waiting.append((within, start, position, depth + (kind == _ATTRIBUTE)))
    return found


def entries_of_model(data: Buffer) -> Iterator[tuple[int, int]]:
    """Where the entries of the metadata of a model begin and end; all else is passed over unread.

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
    """The tag of a field, where what it holds begins, and how many bytes that is."""
    if end - position > 2 and (tag := data[position]) & 0x87 == _BYTES:  # nearly all are read in one go
        length, more = data[position + 1], data[position + 2]
        if length < 0x80:
            return tag, position + 2, length
        if more < 0x80:
            return tag, position + 3, length & 0x7F | more << 7
    tag, position = _varint(data, position, end)
    length, position = _length(data, position, end, tag & 7)
    return tag, position, length


def _length(data: Buffer, position: int, end: int, wire_type: int) -> tuple[int, int]:
    """The bytes that a field takes behind its tag, and where these begin."""
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
    """A number, and what comes behind it."""
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
