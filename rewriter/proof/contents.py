"""One number for every distinct tensor content, without keeping or hashing more of it than needed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from onnx import TensorProto, numpy_helper

_SMALL = 4096
_SAMPLE = 1024
_CHUNK = 16 << 20

Key = tuple[object, ...]


class Contents:
    """Keys for tensors, equal for equal tensors whichever model they come from.

    A small tensor's key is its bytes. A large one's is the first tensor seen with the same type, shape and
    bytes: a sample finds the candidates, the bytes are then compared once, and none are kept. External data
    counts by reference (file, offset, length) as long as both models refer to the same files; `by_content`
    makes it count by a 256-bit BLAKE2b digest of its bytes instead, and inline data likewise.
    """

    def __init__(self, *, by_content: bool) -> None:
        self.by_content = by_content
        self._large: dict[Key, list[tuple[TensorProto, int]]] = {}
        self._count = 0

    def key(self, tensor: TensorProto, folder: Path | None) -> Key:
        """What the tensor holds: (element type, shape, content)."""
        head: Key = (tensor.data_type, tuple(tensor.dims))
        if tensor.data_location == TensorProto.EXTERNAL:
            return (*head, *self._external(tensor, folder))
        if tensor.string_data:
            return (*head, "strings", tuple(tensor.string_data))
        data = _bytes_of(tensor)
        if self.by_content:
            return (*head, "bytes", hashlib.blake2b(data, digest_size=32).digest())
        if len(data) <= _SMALL:
            return (*head, "bytes", data)
        return (*head, "large", self._first_alike(head, data, tensor))

    def _first_alike(self, head: Key, data: bytes, tensor: TensorProto) -> int:
        middle = len(data) // 2
        sample = (data[:_SAMPLE], data[middle : middle + _SAMPLE], data[-_SAMPLE:])
        alike = self._large.setdefault((*head, len(data), sample), [])
        for candidate, number in alike:
            if _bytes_of(candidate) == data:
                return number
        self._count += 1
        alike.append((tensor, self._count))
        return self._count

    def _external(self, tensor: TensorProto, folder: Path | None) -> Key:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location, offset = entries.get("location", ""), int(entries.get("offset", 0))
        length = int(entries["length"]) if "length" in entries else None
        if not self.by_content or folder is None:
            return ("external", location, offset, length)
        digest = hashlib.blake2b(digest_size=32)
        with (folder / location).open("rb") as stream:
            stream.seek(offset)
            left = length if length is not None else -1
            while chunk := stream.read(_CHUNK if left < 0 else min(_CHUNK, left)):
                digest.update(chunk)
                left -= len(chunk) if left >= 0 else 0
        return ("bytes", digest.digest())


def _bytes_of(tensor: TensorProto) -> bytes:
    """What `raw_data` holds, or would hold for a tensor stored in one of the typed fields."""
    if tensor.HasField("raw_data"):
        return tensor.raw_data
    if any((tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.double_data, tensor.uint64_data)):
        return bytes(numpy_helper.to_array(tensor).tobytes())
    return b""
