"""Reads and writes `metadata_props`, a list of entries on models, graphs, functions, nodes and tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
    from onnx import StringStringEntryProto


LAYER = "layer_ann"
"""The only key on nodes that onnxruntime reads, for its annotated partitioning."""


class HasMetadata(Protocol):
    """Message with `metadata_props`: ModelProto, GraphProto, NodeProto, FunctionProto, TensorProto, ..."""

    @property
    def metadata_props(self) -> RepeatedCompositeFieldContainer[StringStringEntryProto]:
        """The entries, in file order."""


def read(owner: HasMetadata) -> dict[str, str]:
    """Return the text entries of a message; the first one counts if a key has several."""
    entries: dict[str, str] = {}
    for entry in owner.metadata_props:
        key, value = entry.key, entry.value  # each access decodes the text again
        if key not in entries and isinstance(key, str) and isinstance(value, str):  # bytes: not UTF-8
            entries[key] = value
    return entries


def get(owner: HasMetadata, key: str) -> str | None:
    """Return the entry of one key as `read` returns it, without decoding the values of others."""
    for entry in owner.metadata_props:
        if entry.key == key and isinstance(value := entry.value, str):
            return value
    return None


def pick(owner: HasMetadata, keys: Set[str]) -> dict[str, str]:
    """Return the entries of some keys as `read` returns them, without decoding the values of others."""
    entries: dict[str, str] = {}
    for entry in owner.metadata_props:
        key = entry.key
        if key in keys and key not in entries and isinstance(value := entry.value, str):
            entries[key] = value
    return entries


def write(owner: HasMetadata, wanted: Mapping[str, str]) -> bool:
    """Write the entries `wanted` on `owner`, and leave all other entries in place.

    If a key occurs several times, its first entry is written.

    Returns:
        Whether anything changed: an entry that already has the wanted value stays untouched.
    """
    missing = dict(wanted)
    changed = False
    for entry in owner.metadata_props:
        value = missing.pop(entry.key, None)
        if value is not None and value != entry.value:
            entry.value = value
            changed = True
    for key, value in missing.items():
        owner.metadata_props.add(key=key, value=value)
        changed = True
    return changed


def erase(owner: HasMetadata, keys: Iterable[str]) -> bool:
    """Remove the entries named `keys`; return whether there were any."""
    doomed = set(keys)
    found = [position for position, entry in enumerate(owner.metadata_props) if entry.key in doomed]
    for position in reversed(found):
        del owner.metadata_props[position]
    return bool(found)
