"""Tests whether two models are the same to a runtime: their executable parts are byte-identical.

Parts that no runtime computes with are ignored:

- doc strings and metadata of the model, functions, graphs and nodes, except keys that onnxruntime reads;
- node names, if the model has no functions and the nodes of each body have distinct names: onnxruntime may
  refuse equal names;
- the IR version, if it is raised within the range from 4 to 10: a model keeps its meaning there.

Everything else counts, including types of values and fields that the installed onnx does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto

from rewriter.model.index.columns import HOLD_GRAPHS
from rewriter.model.index.graph import graphs_of
from rewriter.model.metadata import LAYER
from rewriter.model.operator_set.ir_version import WITH_METADATA
from rewriter.model.storage.external_data import tensors_of

_IR_WITH_CONSTANTS = 4
"""The first IR version in which an initializer need not be listed as an input."""
_CHUNK = 4096
"""Maximum number of nodes copied at a time."""
_IGNORED_FIELDS = frozenset({"metadata_props", "doc_string"})
_READ = frozenset({"ort_config", LAYER})
"""Keys of metadata that onnxruntime reads: `ort_config` on a model, `LAYER` on nodes."""


def same_to_run(
    before: ModelProto, after: ModelProto, folders: tuple[Path | None, Path | None] = (None, None)
) -> bool:
    """Whether a runtime would execute the same in both models; False does not show that they differ.

    Args:
        before: the first model.
        after: the second.
        folders: the folder of each model's external data. The result is False if the folders differ and the
            first model has external data, because no file is read.
    """
    if folders[0] != folders[1] and any(map(_is_external, tensors_of(before))):
        return False
    if not _same_ir(before.ir_version, after.ir_version):
        return False
    left, right = _Executed(before), _Executed(after)
    if any(ours != theirs for ours, theirs in zip_longest(left.parts(), right.parts())):
        return False
    return left.names == right.names or (not before.functions and left.distinct() and right.distinct())


def _is_external(tensor: TensorProto) -> bool:
    return tensor.data_location == TensorProto.EXTERNAL


def _same_ir(before: int, after: int) -> bool:
    return before == after or _IR_WITH_CONSTANTS <= before <= after <= WITH_METADATA


class _Executed:
    """Executable parts of one model; after `parts` has run, `names` lists the node names of each body."""

    def __init__(self, model: ModelProto) -> None:
        self.model = model
        self.names: list[list[str]] = []

    def parts(self) -> Iterator[object]:
        """Yield the executable parts one by one, so that the model is never copied as a whole."""
        yield from _rest(self.model, frozenset({"ir_version", "graph", "functions"}))
        yield _read_metadata(self.model)
        for function in self.model.functions:
            yield from _rest(function, frozenset({"node"}))
            yield from self._nodes(function.node)
        yield from _rest(self.model.graph, frozenset({"node", "initializer"}))
        for tensor in self.model.graph.initializer:
            yield tensor.SerializeToString(deterministic=True)
        yield from self._nodes(self.model.graph.node)

    def distinct(self) -> bool:
        """Whether the nodes of each body have distinct names; nodes without a name do not count."""
        named = ([name for name in names if name] for names in self.names)
        return all(len(set(names)) == len(names) for names in named)

    def _nodes(self, nodes: Sequence[NodeProto]) -> Iterator[bytes]:
        names: list[str] = []
        self.names.append(names)
        for start in range(0, len(nodes), _CHUNK):
            part = GraphProto(node=nodes[start : start + _CHUNK])
            some_read = LAYER.encode() in part.SerializeToString()  # far cheaper than reading every entry
            self._strip(part.node, names, some_read)
            yield part.SerializeToString(deterministic=True)

    def _strip(self, nodes: Iterable[NodeProto], names: list[str], some_read: bool) -> None:
        """Remove parts of nodes and of their graph bodies that are not executed; collect the node names."""
        for node in nodes:
            names.append(node.name)
            node.ClearField("name")
            node.ClearField("doc_string")
            read = _read_metadata(node) if some_read else ()
            node.ClearField("metadata_props")
            for key, value in read:
                node.metadata_props.add(key=key, value=value)
            for attribute in node.attribute:
                if attribute.type in HOLD_GRAPHS:
                    for body in graphs_of(attribute):
                        for field in _IGNORED_FIELDS:
                            body.ClearField(field)
                        inner: list[str] = []
                        self.names.append(inner)
                        self._strip(body.node, inner, some_read)


def _read_metadata(owner: ModelProto | NodeProto) -> list[tuple[str, str]]:
    return [(entry.key, entry.value) for entry in owner.metadata_props if entry.key in _READ]


def _rest(message: ModelProto | GraphProto | FunctionProto, left_out: frozenset[str]) -> Iterator[object]:
    """Yield names and values of a message's fields, also unknown ones, except `left_out` and ignored ones."""
    for field, value in message.ListFields():
        if field.name not in left_out and field.name not in _IGNORED_FIELDS:
            yield field.name
            if isinstance(value, str | bytes | int):
                yield value
            elif isinstance(value, Message):
                yield value.SerializeToString(deterministic=True)
            else:
                yield from map(_plain, value)
    unknown: Any = UnknownFieldSet(message)
    yield [(each.field_number, each.wire_type, repr(each.data)) for each in unknown]


def _plain(entry: object) -> object:
    return entry.SerializeToString(deterministic=True) if isinstance(entry, Message) else entry
