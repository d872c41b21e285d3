"""Reads the tensors of a checkpoint one by one: safetensors without a library, torch's format with torch.

The safetensors format (https://github.com/huggingface/safetensors): eight bytes with the length of a JSON
header, the header (name of a tensor -> dtype, shape, offsets of its bytes), the bytes of the tensors.
"""

from __future__ import annotations

import importlib.util
import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from onnx import TensorProto

from rewriter.errors import UnreadableModel, UsageError
from rewriter.model.tensors import Array, np_type

_LONGEST_HEADER = 100_000_000
"""Maximum bytes of a header, as in the safetensors library."""
_ELEMENTS = {
    "F64": TensorProto.DOUBLE,
    "F32": TensorProto.FLOAT,
    "F16": TensorProto.FLOAT16,
    "BF16": TensorProto.BFLOAT16,
    "F8_E4M3": TensorProto.FLOAT8E4M3FN,
    "F8_E5M2": TensorProto.FLOAT8E5M2,
    "I64": TensorProto.INT64,
    "I32": TensorProto.INT32,
    "I16": TensorProto.INT16,
    "I8": TensorProto.INT8,
    "U64": TensorProto.UINT64,
    "U32": TensorProto.UINT32,
    "U16": TensorProto.UINT16,
    "U8": TensorProto.UINT8,
    "BOOL": TensorProto.BOOL,
}

Tensors = Iterator[tuple[str, Array]]


def tensors_in(path: Path) -> Tensors:
    """Yield names and contents of the tensors in a checkpoint, one in memory at a time.

    Empty and sparse tensors, and those of types that this module does not convert, are left out.

    Args:
        path: a safetensors file, a torch file of tensors in the zip format (the default since torch 1.6), or
            the `.index.json` of several such files.

    Raises:
        UnreadableModel: the file is missing or damaged, or holds no state dict that torch reads without code.
        UsageError: the file needs torch, which is not installed.
    """
    demand_checkpoint(path)
    if path.name.endswith(".index.json"):
        for shard in shards_of(path):
            yield from tensors_in(path.parent / shard)
    elif path.suffix == ".safetensors":
        yield from _safetensors(path)
    else:
        yield from _torch(path)


def demand_checkpoint(path: Path) -> None:
    """Refuse a checkpoint that is no regular file.

    Raises:
        UnreadableModel: the file is missing, a folder, a pipe or a device.
    """
    if not path.is_file():
        raise UnreadableModel(f"{path}: no such file; name a .safetensors, .bin or .index.json file")


def shards_of(path: Path) -> list[str]:
    """Return the names of the files that the `.index.json` of a checkpoint lists, all in its folder.

    Raises:
        UnreadableModel: the file is no such index, or names files outside its folder.
    """
    try:
        weight_map = json.loads(path.read_text("utf-8"))["weight_map"]
        names = sorted(set(weight_map.values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UnreadableModel(f"{path}: no index of a checkpoint; check which file this is") from None
    if any(not isinstance(name, str) or Path(name).name != name for name in names):
        raise UnreadableModel(f"{path}: names files outside its folder; download the checkpoint again")
    return names


class SafeTensor(NamedTuple):
    """A tensor of a safetensors file; `element` is None for a type that `_ELEMENTS` lacks."""

    name: str
    element: np.dtype[Any] | None
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def needed(self) -> int | None:
        """The number of bytes that type and shape need; None for an unknown type."""
        if self.element is None:
            return None
        return int(np.prod(self.shape, dtype=object)) * self.element.itemsize

    def read(self, stream: BinaryIO) -> Array:
        """Return the content, from the open file."""
        assert self.element is not None, "its type is known"
        stream.seek(self.start)
        return np.frombuffer(stream.read(self.stop - self.start), self.element).reshape(self.shape)


def entries_of(path: Path) -> list[SafeTensor]:
    """Return the tensors of a safetensors file, in the order of their bytes; only the header is read.

    Raises:
        UnreadableModel: the file is no safetensors file, or damaged.
    """
    damaged = UnreadableModel(f"{path}: not a safetensors file, or cut off; download it again")
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > min(size - 8, _LONGEST_HEADER):
            raise damaged
        try:
            header = json.loads(stream.read(length))
            entries = [_entry(name, of, 8 + length) for name, of in header.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise damaged from None
    for each in entries:
        inside = 8 + length <= each.start <= each.stop <= size
        if not inside or each.needed not in (None, each.stop - each.start):
            raise damaged
    return sorted(entries, key=lambda entry: entry.start)


def _entry(name: str, of: Mapping[str, Any], data: int) -> SafeTensor:
    begin, end = (int(offset) for offset in of["data_offsets"])
    element = np_type(_ELEMENTS[of["dtype"]]) if of["dtype"] in _ELEMENTS else None
    return SafeTensor(name, element, tuple(map(int, of["shape"])), data + begin, data + end)


def _safetensors(path: Path) -> Tensors:
    with path.open("rb") as stream:
        for each in entries_of(path):
            if each.element is not None and each.stop > each.start:
                yield each.name, each.read(stream)


def _torch(path: Path) -> Tensors:
    for name, tensor in torch_tensors(path).items():
        if (array := array_of_torch(tensor)) is not None:
            yield name, array


def torch_tensors(path: Path) -> dict[str, Any]:
    """Return the tensors of a torch file; a tensor comes into memory when it is used.

    Empty and sparse tensors are left out.

    Raises:
        UnreadableModel: the file holds no state dict that torch reads without code.
        UsageError: torch is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise UsageError(
            f"{path}: reading torch's format needs torch; pip install 'onnx-module-rewriter[torch]', or give "
            "a .safetensors file"
        )
    import torch

    try:
        # With mmap, a tensor comes into memory on access; with weights_only, nothing in the file is executed.
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise UnreadableModel(
            f"{path}: torch does not read it as mere tensors ({reason}); save its state dict as safetensors"
        ) from None
    return {str(name): tensor for name, tensor in _state_dict(loaded, path).items() if is_dense(tensor)}


def is_dense(tensor: Any) -> bool:
    """Whether an object is a dense tensor of torch with elements."""
    import torch

    return bool(torch.is_tensor(tensor) and tensor.layout == torch.strided and tensor.numel())


def _state_dict(loaded: Any, path: Path) -> Mapping[str, Any]:
    """Return the mapping that holds tensors: the loaded object, or the only such mapping in it."""
    import torch

    def holds_tensors(of: object) -> bool:
        return isinstance(of, Mapping) and any(map(torch.is_tensor, of.values()))

    if holds_tensors(loaded):
        return dict(loaded)
    inner = [each for each in loaded.values() if holds_tensors(each)] if isinstance(loaded, Mapping) else []
    if len(inner) != 1:
        raise UnreadableModel(f"{path}: holds no state dict; save the state dict alone")
    return dict(inner[0])


def array_of_torch(tensor: Any) -> Array | None:
    """Return a tensor as a numpy array; None for a type that torch does not convert, other than bfloat16."""
    import torch

    tensor = tensor.detach().cpu()
    if tensor.dtype == torch.bfloat16:
        element = np_type(TensorProto.BFLOAT16)
        return np.asarray(tensor.contiguous().view(torch.int16).numpy().view(element))
    try:
        return np.asarray(tensor.contiguous().numpy())
    except (TypeError, RuntimeError):
        return None
