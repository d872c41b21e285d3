"""Removes copies of external data that this package made and that no model refers to any more.

A copy may have the digest of its content in its name. A copy with a plain name is recorded in the metadata of
the model that it was made for: the entry `rewriter.copies` is `{"model": name of the file, "copies":
{location: BLAKE2b of the content}}`.

A copy is removed if its model was replaced, its content is still the copied one, and no other file beside the
copy or its model mentions its name. All other files are left alone.
"""

from __future__ import annotations

import json
import mmap
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from google.protobuf.message import DecodeError
from onnx import ModelProto, StringStringEntryProto

from rewriter.errors import UnreadableModel
from rewriter.model import metadata
from rewriter.model.limits import MOST_BYTES, current
from rewriter.model.storage import external_data, wire
from rewriter.model.storage.data_copies import Copies, digits_of, named_in
from rewriter.model.storage.files import serialize
from rewriter.model.storage.staging import CHUNK, Content, Digests, digest_of

KEY = "rewriter.copies"


def content_of(model: ModelProto, target: Path, copies: Copies) -> Content:
    """Return the bytes to write for a model, with the locations of its copies and a record of some of them.

    The record holds copies with plain names: those of this run, and those used again that the file at
    `target` has recorded.
    """
    moved = copies.relocated(model)
    if not copies.files and not copies.there:
        return serialize(moved)
    earlier = recorded_copies(target)
    known = {target.parent / location: digest for location, digest in earlier.items()}
    ours = {path: known[path] for path in copies.there if path in known}
    used = {target.parent / location for location in external_data.external_locations(moved)}

    def make(digests: Digests) -> bytes:
        made = {path: digest for path, digest in {**ours, **digests}.items() if path in used}
        plain = {
            path.relative_to(target.parent).as_posix(): made[path]
            for path in sorted(made)
            if digits_of(path) is None
        }
        noting = ModelProto()
        noting.CopyFrom(moved)
        metadata.erase(noting, [KEY])
        if plain:
            told = {"model": target.name, "copies": plain}
            metadata.write(noting, {KEY: json.dumps(told, ensure_ascii=False, separators=(",", ":"))})
        return serialize(noting)

    return make


def recorded_copies(path: Path) -> dict[str, str]:
    """Return the copies that a model file has recorded as made for it and still uses: location -> digest.

    Only a file with such a record is read whole. A file that is no model, or exceeds the limits, counts as
    one without a record.
    """
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            texts = (_entry(data[start:stop]) for start, stop in wire.entries_of_model(data))
            told = json.loads(next(text for key, text in texts if key == KEY))
            copies = dict(told["copies"]) if told["model"] == path.name else {}
            if not copies:
                return {}
            wire.walk(data[:], current())
            model = ModelProto.FromString(data[:])
        used = external_data.external_locations(model)
    except (OSError, ValueError, StopIteration, KeyError, TypeError, RecursionError, DecodeError):
        return {}
    except (wire.Malformed, UnreadableModel):
        return {}
    return {at: str(digest) for at, digest in copies.items() if at in used and external_data.is_inside(at)}


def _entry(data: bytes) -> tuple[str, str]:
    entry = StringStringEntryProto.FromString(data)
    return entry.key, entry.value


def copies_of(models: Iterable[Path], folders: Iterable[Path]) -> dict[Path, str]:
    """Map each copy that models mention or have recorded to its digest, or to the beginning of its digest.

    Args:
        models: files that may or may not exist.
        folders: folders of copies with their digest in their name.
    """
    named = [path for folder in sorted(set(folders)) for path in named_in(folder)]
    there = [model for model in models if model.is_file()]
    mentioned = (path for path in named if any(_mentions(model, path.name) for model in there))
    found = {path: digits_of(path) or "" for path in mentioned}
    for model in there:
        found.update({model.parent / location: digest for location, digest in recorded_copies(model).items()})
    return found


def remove_unused(copies: Mapping[Path, str], home: Path) -> list[Path]:
    """Remove unchanged copies that no file in `home` or beside them mentions; return the removed ones."""
    gone = []
    for copy, digest in copies.items():
        if not copy.is_file():
            continue
        beside = {path for folder in {home, copy.parent} for path in folder.iterdir()} - {copy}
        # A file too large for protobuf is no model, so it refers to no copy.
        others = (path for path in beside if path.is_file() and path.stat().st_size <= MOST_BYTES)
        if not any(_mentions(path, copy.name) for path in others) and _holds(copy, home, digest):
            copy.unlink(missing_ok=True)
            gone.append(copy)
    return gone


def _holds(copy: Path, home: Path, digest: str) -> bool:
    """Whether a copy is a regular file below `home`, has no other hard link, and matches the digest."""
    found = os.lstat(copy)
    plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
    return plain and copy.resolve().is_relative_to(home.resolve()) and digest_of(copy).startswith(digest)


def _mentions(path: Path, name: str) -> bool:
    """Whether the bytes of a file contain a name; read in slices, whatever its size."""
    sought = name.encode("utf-8", "surrogateescape")
    tail = b""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            if sought in tail + chunk:
                return True
            tail = chunk[-len(sought) :]
    return False
