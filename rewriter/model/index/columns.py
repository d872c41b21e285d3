"""Columns: one Python list for each field of the nodes of a body.

Protobuf makes an object for every list on access. Reading all fields of a node this way takes 3 microseconds,
and looking for graphs in its attributes takes 1 more. Serializing a node takes 0.3 microseconds; cutting the
bytes of many nodes at once (see `wire_fields`) and slicing out each name takes 1.4 more per node. Small
bodies, large nodes, and batches with a node that cannot be cut are read through protobuf. Field numbers:
`NodeProto` and `AttributeProto` in `onnx.proto`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
from google.protobuf.message import EncodeError
from numpy.typing import NDArray
from onnx import AttributeProto, NodeProto

from rewriter.model.storage.wire_fields import BYTES, Array, Fields, cut

HOLD_GRAPHS = frozenset({AttributeProto.GRAPH, AttributeProto.GRAPHS})
"""The types of attributes that hold graphs."""

_INPUT, _OUTPUT, _NAME, _TYPE, _ATTRIBUTE, _DOMAIN, _METADATA = (
    number << 3 | BYTES for number in (1, 2, 3, 4, 5, 7, 9)
)
_TYPE_OF_ATTRIBUTE = 0xA0, 0x01
"""The two bytes of the tag of field 20, the type of an attribute. One byte follows, usually the last."""

_AT_ONCE = 1 << 20
"""Bytes of nodes from which a batch is full: the batch and the results stay in the cache of a core."""
_FEW = 40
"""Number of messages below which numpy takes longer than a loop."""
_COMBINATIONS = 8
"""Maximum number of different tuples of names, `()` included, that are searched in all nodes at once."""
_LARGE = 1 << 16
"""Size in bytes from which a node is read through protobuf, so that a weight in it is not copied again."""


@dataclass(slots=True)
class Columns:
    """Fields of the nodes of one body. Text that is not UTF-8 is given as bytes, as in protobuf.

    Attributes:
        names: node -> its name.
        operators: node -> the domain and type of its operator; one tuple for each operator.
        inputs: node -> the names of its inputs, '' for an omitted one.
        outputs: node -> the names of its outputs, '' for an omitted one.
        keys: node -> the keys of its metadata; nodes with equal keys share one tuple.
        attributes: node -> the names of its attributes; nodes with equal names share one tuple.
        holders: the nodes with graphs in their attributes.
    """

    names: list[str] = field(default_factory=list)
    operators: list[tuple[str, str]] = field(default_factory=list)
    inputs: list[list[str]] = field(default_factory=list)
    outputs: list[list[str]] = field(default_factory=list)
    keys: list[tuple[str, ...]] = field(default_factory=list)
    attributes: list[tuple[str, ...]] = field(default_factory=list)
    holders: list[int] = field(default_factory=list)


def read_columns(nodes: Sequence[NodeProto]) -> Columns:
    """Read the nodes of one body, without the nodes in graphs of their attributes."""
    reader = _ColumnReader()
    if len(nodes) < _FEW:
        reader.ask(nodes)
        return reader.columns
    for batch, written in _batches(nodes):
        if written and (fields := cut(written)):
            reader.take(batch, fields)
        else:
            reader.ask(batch)
    return reader.columns


def _batches(nodes: Sequence[NodeProto]) -> Iterator[tuple[list[NodeProto], list[bytes]]]:
    """Yield batches of nodes, in order, with the bytes of each; a large node comes alone, without bytes."""
    batch: list[NodeProto] = []
    written: list[bytes] = []
    size, wary = 0, False
    for node in nodes:
        data = None if wary and _is_weight(node) else _written(node)
        if data is None or size >= _AT_ONCE:
            yield batch, written
            batch, written, size = [], [], 0
        if data is None:
            wary = True  # more large nodes are likely to follow
            yield [node], []
            continue
        batch.append(node)
        written.append(data)
        size += len(data)
    yield batch, written


def _written(node: NodeProto) -> bytes | None:
    """Return the bytes of a node; None for a large one."""
    try:
        data = node.SerializeToString()
    except EncodeError:  # the node has 2 GiB or more
        return None
    return data if len(data) < _LARGE else None


def _is_weight(node: NodeProto) -> bool:
    """Whether a node is a Constant with a large tensor, judged by the shape of the tensor."""
    if node.op_type != "Constant":
        return False
    return any(
        attribute.type == AttributeProto.TENSOR and prod(attribute.t.dims) >= _LARGE // 4
        for attribute in node.attribute
    )


class _ColumnReader:
    """Builder of columns from batches of nodes."""

    def __init__(self) -> None:
        self.columns = Columns()
        self._operators: dict[tuple[str, str], tuple[str, str]] = {}
        self._combinations: dict[tuple[str, ...], tuple[str, ...]] = {}

    def ask(self, nodes: Sequence[NodeProto]) -> None:
        """Read nodes through protobuf."""
        columns, number = self.columns, len(self.columns.names)
        columns.holders += [number + place for place, node in enumerate(nodes) if _holds_graphs(node)]
        columns.names += [node.name for node in nodes]
        columns.inputs += [list(node.input) for node in nodes]
        columns.outputs += [list(node.output) for node in nodes]
        self._add_operators([node.domain for node in nodes], [node.op_type for node in nodes])
        columns.keys += self._asked_keys(nodes)
        columns.attributes += self._asked_attributes(nodes)

    def take(self, nodes: Sequence[NodeProto], fields: Fields) -> None:
        """Take the fields of nodes from their serialized bytes."""
        columns, number = self.columns, len(self.columns.names)
        inputs, outputs = fields.of(_INPUT), fields.of(_OUTPUT)
        attributes, entries = fields.of(_ATTRIBUTE), fields.of(_METADATA)
        columns.holders += [number + place for place in _holders(nodes, attributes)]
        columns.names += fields.of(_NAME).only()
        columns.inputs += inputs.lists(inputs.texts())
        columns.outputs += outputs.lists(outputs.texts())
        self._add_operators(fields.of(_DOMAIN).only(), fields.of(_TYPE).only())
        keys, names = entries.first_names(), attributes.first_names()
        columns.keys += self._combined(keys) if keys else self._asked_keys(nodes)
        columns.attributes += self._combined(names) if names else self._asked_attributes(nodes)

    def _add_operators(self, domains: list[str], types: list[str]) -> None:
        known = self._operators
        self.columns.operators += [
            known.setdefault(operator, operator) for operator in zip(domains, types, strict=True)
        ]

    def _asked_keys(self, nodes: Sequence[NodeProto]) -> list[tuple[str, ...]]:
        return [self._combination(entry.key for entry in node.metadata_props) for node in nodes]

    def _asked_attributes(self, nodes: Sequence[NodeProto]) -> list[tuple[str, ...]]:
        return [self._combination(attribute.name for attribute in node.attribute) for node in nodes]

    def _combination(self, names: Iterable[str]) -> tuple[str, ...]:
        combination = tuple(names)
        return self._combinations.setdefault(combination, combination)

    def _combined(self, names: Fields) -> list[tuple[str, ...]]:
        """Return the names of each node.

        Up to `_COMBINATIONS` tuples of names are each searched in all nodes at once; other nodes are read one
        by one.
        """
        counts = np.bincount(names.message, minlength=names.count)
        first = counts.cumsum() - counts
        kinds = np.zeros(names.count, np.int64)
        found = [self._combination(())]
        left = np.flatnonzero(counts)
        while len(left) and len(found) < _COMBINATIONS:
            same = _of_same_names(names, first[left], counts[left])
            kinds[left[same]] = len(found)
            found.append(self._combination(names.of_message(int(left[0])).texts()))
            left = left[~same]
        combined = [found[kind] for kind in kinds.tolist()]
        for node in left.tolist():
            combined[node] = self._combination(names.of_message(node).texts())
        return combined


def _of_same_names(names: Fields, first: Array, counts: Array) -> NDArray[np.bool_]:
    """Return a mask of the nodes that have the same names as the first node.

    Args:
        names: the names of all nodes.
        first: node -> position of its first name.
        counts: node -> number of its names.
    """
    same: NDArray[np.bool_] = counts == counts[0]
    for place in range(counts[0]):
        at = np.flatnonzero(same)
        entry = first[at] + place
        start, length = names.start[entry], names.stop[entry] - names.start[entry]
        alike = length == length[0]
        letters = start[alike][:, None] + np.arange(length[0])
        alike[alike] = (names.data[letters] == names.data[letters[0]]).all(axis=1)
        same[at] = alike
    return same


def _holders(nodes: Sequence[NodeProto], attributes: Fields) -> Iterator[int]:
    """Yield positions of nodes with graphs in attributes.

    A node is skipped unread if the bytes at the end of every attribute show a type other than a graph's.
    """
    data, stop = attributes.data, attributes.stop
    first, second = _TYPE_OF_ATTRIBUTE
    at_end = (stop - attributes.start >= 3) & (data[stop - 3] == first) & (data[stop - 2] == second)
    open_ = ~(at_end & ~np.isin(data[stop - 1], [*HOLD_GRAPHS]))
    for place in dict.fromkeys(attributes.message[open_].tolist()):
        if _holds_graphs(nodes[place]):
            yield place


def _holds_graphs(node: NodeProto) -> bool:
    return any(attribute.type in HOLD_GRAPHS for attribute in node.attribute)
