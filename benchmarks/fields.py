"""Compares two protobuf messages field by field, to find everything that a tool changed or lost."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from onnx import ModelProto

from rewriter.model.index.graph import GraphIndex

OURS = "rewriter."
NAMESPACE = "namespace"


def differences(before: Message, after: Message, path: str = "") -> Iterator[str]:
    """Yield the paths of all fields that differ, unknown ones included; lists of other lengths count once."""
    for field in before.DESCRIPTOR.fields:
        here = f"{path}.{field.name}".lstrip(".")
        ours, theirs = getattr(before, field.name), getattr(after, field.name)
        if field.is_repeated:
            if len(ours) != len(theirs):
                yield f"{here}: {len(ours)} entries, then {len(theirs)}"
            elif field.message_type:
                for number, pair in enumerate(zip(ours, theirs, strict=True)):
                    yield from differences(*pair, f"{here}[{number}]")
            elif not all(_same(field, *pair) for pair in zip(ours, theirs, strict=True)):
                yield here
        elif before.HasField(field.name) != after.HasField(field.name):
            yield f"{here}: {'gone' if before.HasField(field.name) else 'new'}"
        elif field.message_type:
            if before.HasField(field.name):
                yield from differences(ours, theirs, here)
        elif not _same(field, ours, theirs):
            yield here
    if _unknown(before) != _unknown(after):
        yield f"{path}: unknown fields"


def without_annotations(before: ModelProto, after: ModelProto) -> ModelProto:
    """Return the second model without the entries that `annotate` may write, for comparison with the first.

    These are entries `rewriter.*` and, on nodes that had none, `namespace`.
    """
    found = ModelProto()
    found.CopyFrom(after)
    _strip(found, frozenset())
    olds, news = GraphIndex(before).nodes, GraphIndex(found).nodes
    for number, node in enumerate(news):
        had = {entry.key for entry in olds[number].metadata_props} if number < len(olds) else set()
        _strip(node, had)
    return found


def kinds(message: Message, path: str = "") -> Iterator[str]:
    """Yield the fields that are set anywhere in a message, by names without positions; unknown ones too."""
    for field, value in message.ListFields():
        here = f"{path}.{field.name}".lstrip(".")
        yield here
        for each in value if field.is_repeated else (value,):
            if isinstance(each, Message):
                yield from kinds(each, here)
    if _unknown(message):
        yield f"{path}.unknown"


def _strip(owner: Any, had: frozenset[str] | set[str]) -> None:
    for position in reversed(range(len(owner.metadata_props))):
        key = owner.metadata_props[position].key
        if key not in had and (
            str(key).startswith(OURS) or (key == NAMESPACE and not hasattr(owner, "graph"))
        ):
            del owner.metadata_props[position]


def _same(field: Any, ours: Any, theirs: Any) -> bool:
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return struct.pack("<d", ours) == struct.pack("<d", theirs)  # NaN is NaN, 0.0 is not -0.0
    return bool(ours == theirs)


def _unknown(message: Message) -> list[tuple[int, int, str]]:
    fields: Any = UnknownFieldSet(message)
    return [(each.field_number, each.wire_type, repr(each.data)) for each in fields]
