"""Reads models without their external weights, and serializes models."""

from __future__ import annotations

import contextlib
from pathlib import Path

from google.protobuf.message import DecodeError, EncodeError
from onnx import ModelProto

from rewriter.errors import CannotWrite, UnreadableModel
from rewriter.model.index.checked_index import indexed
from rewriter.model.index.graph import GraphIndex
from rewriter.model.limits import MOST_BYTES, current
from rewriter.model.storage import wire

# First bytes of other kinds of files, in lower case and without leading space; the kind; the remedy.
_SIGNS = (
    (b"version https://git-lfs", "a git-lfs pointer, not the model", "run 'git lfs pull'"),
    (b"pk\x03\x04", "a zip archive", "unpack it first"),
    (b"\x1f\x8b", "gzip data", "unpack it first"),
    (b"<!doctype html", "an HTML page", "download the file itself"),
    (b"<html", "an HTML page", "download the file itself"),
    (b"\x89hdf", "an HDF5 file", "convert it to ONNX first"),
)


_DEEPEST = 32
_LEVELS = 100
"""Maximum nesting that protobuf reads: of graph attributes, three messages each, and of all messages."""


def load(path: Path, *, provable: bool = True) -> ModelProto:
    """Return the model that `load_indexed` reads, without the index."""
    return load_indexed(path, provable=provable).model


def load_indexed(path: Path, *, provable: bool = True) -> GraphIndex:
    """Read the structure of a model; external weights are not read.

    Raises:
        UnreadableModel: the file is missing, no regular file, unreadable, empty, cut off, over the limits or
            not ONNX, or it has no single meaning, see `checks`.
    """
    demand_regular(path)
    try:
        _demand_readable(path, path.stat().st_size)
        data = path.read_bytes()
    except FileNotFoundError:
        raise UnreadableModel(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise UnreadableModel(f"{path}: cannot be read: {error.strerror}; check its permissions") from None
    return parse_indexed(data, str(path), provable=provable)


def demand_regular(path: Path) -> None:
    """Refuse a folder, a pipe or a device, without opening it; a missing file is not refused.

    Raises:
        UnreadableModel: it is one of these.
    """
    if path.is_dir():
        raise UnreadableModel(f"{path}: a folder, not a file; name the .onnx file inside it")
    if path.exists() and not path.is_file():
        raise UnreadableModel(f"{path}: a pipe or device, not a file; save the model to a file first")


def _demand_readable(path: Path, size: int) -> None:
    """Refuse a file by its size, before reading it."""
    if size > MOST_BYTES:
        raise UnreadableModel(
            f"{path}: the file has {size:,} bytes, and protobuf reads {MOST_BYTES:,}; export it again with "
            "its weights as external data: onnx.save(model, path, save_as_external_data=True)"
        )
    current().demand("bytes", size, f"{path}: the file has {size:,} bytes")


def parse_indexed(data: bytes, name: str, *, provable: bool = True) -> GraphIndex:
    """Parse serialized bytes of a model and check it.

    Args:
        data: the bytes.
        name: the beginning of error messages.
        provable: see `checks.check`.

    Raises:
        UnreadableModel: the bytes are not a whole ONNX model, or the model exceeds the limits or has no
            single meaning.
    """
    if not data:
        raise UnreadableModel(f"{name}: the file is empty; export or download it again")
    start = data[:64].lstrip().lower()
    for sign, what, mend in _SIGNS:
        if start.startswith(sign):
            raise UnreadableModel(f"{name}: {what}; {mend}")
    try:
        return indexed(_parsed(data), provable=provable)
    except UnreadableModel as error:
        raise UnreadableModel(f"{name}: {error}") from None


def _parsed(data: bytes) -> ModelProto:
    try:
        if wire.walk(data, current()).graphs > 1:
            raise UnreadableModel("two models, one behind the other; split the file")
        model = ModelProto()
        model.ParseFromString(data)
    except (DecodeError, wire.Malformed):
        raise UnreadableModel(_fault_of(data)) from None
    if not model.HasField("graph") and not model.functions:
        raise UnreadableModel("holds no graph, so it is not an ONNX model; check which file this is")
    return model


def _fault_of(data: bytes) -> str:
    """Return the reason why bytes are no model: protobuf has one error for truncated and too deep files."""
    with contextlib.suppress(wire.Malformed):
        found = wire.depth_of(data, current())
        over = "over " if found.levels == wire.DEEPEST else ""
        if found.depth > _DEEPEST:
            return (
                f"graphs are {over}{found.depth} deep inside each other, and protobuf reads {_DEEPEST}; "
                "flatten them"
            )
        if found.levels > _LEVELS:
            return (
                f"its messages are {over}{found.levels} deep inside each other, and protobuf reads "
                f"{_LEVELS}; export it again with flatter types"
            )
    return "not an ONNX model, or cut off midway; export or download it again"


def serialize(model: ModelProto) -> bytes:
    """Return the bytes of a model; equal models give equal bytes.

    Raises:
        CannotWrite: the model with its inline weights is larger than the 2 GiB protobuf allows.
    """
    try:
        return model.SerializeToString(deterministic=True)
    except EncodeError:
        raise CannotWrite(
            "the model exceeds 2 GiB, the limit of protobuf; store its weights as external data first"
        ) from None
