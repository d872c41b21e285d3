"""Digests of bytes, of files, and of models with their external data."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

from google.protobuf.message import DecodeError
from onnx import ModelProto

from rewriter.errors import UnreadableModel
from rewriter.model.limits import MOST_BYTES
from rewriter.model.storage.external_data import external_locations, fault_of_data

_BYTES = 16
_CHUNK = 16 << 20


def digest_of(*parts: bytes) -> str:
    """Return BLAKE2b of byte strings, each preceded by its length, as 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=_BYTES)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def of_file(path: Path) -> str:
    """Return BLAKE2b of the content of a file.

    Raises:
        OSError: the file cannot be read, or is a pipe or device.
    """
    _demand_regular(path)
    digest = hashlib.blake2b(digest_size=_BYTES)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def of_model(path: Path) -> str:
    """Return the digest of a model and its external data; data that is not allowed counts as missing.

    Raises:
        OSError: the model cannot be read.
    """
    parts = [of_file(path)]
    for name in locations_of(path):
        there = fault_of_data(path.parent, name) is None
        parts += [name, of_file(path.parent / name) if there else ""]
    return digest_of(*(part.encode("utf-8", "replace") for part in parts))


def locations_of(path: Path) -> tuple[str, ...]:
    """Return the locations of a model's external data, sorted; empty for a file that is not a readable model.

    Raises:
        OSError: the file cannot be read, or is a pipe or device.
    """
    _demand_regular(path)
    if path.stat().st_size > MOST_BYTES:
        return ()
    model = ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
        return tuple(sorted(str(name) for name in external_locations(model)))
    except (DecodeError, UnreadableModel):
        return ()


def _demand_regular(path: Path) -> None:
    """Refuse a pipe or device without opening it: reading it may never end."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "no regular file", str(path))
