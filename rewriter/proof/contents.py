"""Assigns numbers to expressions and keys to tensor contents; keys avoid copies of large tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from onnx import SparseTensorProto, TensorProto

from rewriter.model.tensors import data_file, inline_bytes
from rewriter.proof.scope import Unprovable

_SMALL = 4096
"""Maximum bytes of a tensor whose key holds its bytes."""
_CHUNK = 16 << 20
"""Bytes of a file that are read at a time."""

Key = tuple[object, ...]


class NoContent(Unprovable):
    """Raised for a tensor that has elements, but no content, as tools write it that strip weights."""


class Table:
    """Numbers of expressions, shared by the compared models.

    Attributes:
        tensors: the number of each constant -> a tensor of that content.
    """

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._numbers: dict[Key, int] = {}
        self.tensors: dict[int, TensorProto] = {}

    @property
    def keys(self) -> Iterable[Key]:
        """Keys of all expressions in the order of their numbers; the first has the number 1."""
        return self._numbers.keys()

    def number(self, key: Key) -> int:
        """Return the number of an expression; assign one on first use."""
        return self._numbers.setdefault(key, len(self._numbers) + 1)

    def tensor(self, tensor: TensorProto, *, folder: Path | None, missing: str | None = None) -> int:
        """Return the number of a constant, independent of its name.

        Args:
            tensor: the constant.
            folder: the folder of external data.
            missing: the name that stands for the content if the tensor has none.

        Raises:
            NoContent: there is no content, and no name stands for it.
            Unprovable: external data cannot be read, or its reference is malformed.
        """
        try:
            number = self.number(("tensor", *self._contents.key(tensor, folder)))
        except NoContent:
            if missing is None:
                raise
            return self.number(("missing", tensor.data_type, tuple(tensor.dims), missing))
        self.tensors.setdefault(number, tensor)
        return number

    def sparse(self, tensor: SparseTensorProto, *, folder: Path | None) -> int:
        """Return the number of a constant stored as indices and values."""
        parts = (self.tensor(tensor.values, folder=folder), self.tensor(tensor.indices, folder=folder))
        return self.number(("sparse", tuple(tensor.dims), *parts))


class Contents:
    """Keys of the tensors of all compared models; tensors with equal keys have equal contents.

    The key of a small tensor holds its bytes. The key of a large tensor has the number of the first tensor
    with the same type, shape and bytes: a hash finds candidates, whose bytes are then compared. The key of
    external data is its reference (file, offset, length), which suffices if both models refer to the same
    files. With `by_content`, the key of inline data, and of external data in a known folder, is a 256-bit
    BLAKE2b digest. The key of a tensor without `inline_bytes`, such as one of strings, is its serialized
    message.
    """

    def __init__(self, *, by_content: bool) -> None:
        self.by_content = by_content
        self._large: dict[Key, list[tuple[TensorProto, int]]] = {}
        self._count = 0

    def key(self, tensor: TensorProto, folder: Path | None) -> Key:
        """Return a key of the tensor's value: element type, shape and content.

        Raises:
            NoContent: the tensor has elements, but no content.
            Unprovable: external data cannot be read, or its reference is malformed.
        """
        head: Key = (tensor.data_type, tuple(tensor.dims))
        if tensor.data_location == TensorProto.EXTERNAL:
            return (*head, *self._external(tensor, folder))
        data = inline_bytes(tensor)
        if data is None:
            return (*head, "message", without_names(tensor))
        if not data and all(tensor.dims):
            raise NoContent(f"tensor {tensor.name!r} has no content")
        if self.by_content:
            return (*head, "bytes", hashlib.blake2b(data, digest_size=32).digest())
        if len(data) <= _SMALL:
            return (*head, "bytes", data)
        return (*head, "large", self._first_alike(head, data, tensor))

    def _first_alike(self, head: Key, data: bytes, tensor: TensorProto) -> int:
        # Python randomises hashes of bytes per process, so nobody can prepare a file with many equal hashes.
        alike = self._large.setdefault((*head, len(data), hash(data)), [])
        for candidate, number in alike:
            if inline_bytes(candidate) == data:
                return number
        self._count += 1
        alike.append((tensor, self._count))
        return self._count

    def _external(self, tensor: TensorProto, folder: Path | None) -> Key:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        try:
            offset = int(entries.get("offset", 0))
            length = int(entries["length"]) if "length" in entries else None
            if not self.by_content or folder is None:
                return ("external", location, offset, length)
            return ("bytes", _digest(data_file(folder, location), offset, length))
        except (OSError, ValueError) as error:
            raise Unprovable(f"external data {location!r} cannot be read: {error}") from None


def _digest(path: Path, offset: int, length: int | None) -> bytes:
    digest = hashlib.blake2b(digest_size=32)
    if offset < 0 or (length is not None and length < 0):
        raise ValueError("negative offset or length")
    with path.open("rb") as stream:
        stream.seek(offset)
        left = path.stat().st_size - offset if length is None else length
        while left > 0:
            chunk = stream.read(min(_CHUNK, left))
            if not chunk:
                raise ValueError("the file is too short")
            digest.update(chunk)
            left -= len(chunk)
    return digest.digest()


def without_names(tensor: TensorProto) -> bytes:
    """Return the serialized tensor without its name, doc string and metadata."""
    bare = TensorProto()
    bare.CopyFrom(tensor)
    for name in ("name", "doc_string", "metadata_props"):
        bare.ClearField(name)
    return bare.SerializeToString(deterministic=True)
