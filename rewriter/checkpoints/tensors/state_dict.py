"""A state dict: keys with shapes, and tensors that are read one at a time, from files or from memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rewriter.errors import UnreadableModel, UsageError
from rewriter.evidence.checkpoint.files import (
    SafeTensor,
    array_of_torch,
    demand_checkpoint,
    entries_of,
    is_dense,
    shards_of,
    torch_tensors,
)
from rewriter.evidence.checkpoint.hashes import is_floating
from rewriter.model.tensors import Array

_IN_FOLDERS = (
    "model.safetensors.index.json",
    "model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
)
"""Checkpoints that a folder of transformers may hold, the preferred one first."""


@dataclass(frozen=True, slots=True)
class StateTensor:
    """A tensor of a state dict.

    Attributes:
        shape: its shape.
        dtype: its element type.
        read: reads its content.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], Array] = field(repr=False)

    @property
    def is_float(self) -> bool:
        """Whether its elements have a floating-point type."""
        return is_floating(self.dtype)


@dataclass(frozen=True, slots=True)
class StateDict:
    """The tensors of a checkpoint by their keys.

    Attributes:
        name: its name in messages.
        entries: key -> tensor; empty tensors and those of unknown types are left out.
        files: the files that it is read from.
    """

    name: str
    entries: Mapping[str, StateTensor]
    files: tuple[Path, ...] = ()

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Key -> shape."""
        return {key: entry.shape for key, entry in self.entries.items()}

    def read(self, key: str) -> Array:
        """Return the tensor of a key.

        Raises:
            UnreadableModel: the file cannot be read any more.
        """
        try:
            return self.entries[key].read()
        except (OSError, ValueError) as error:
            raise UnreadableModel(f"{self.name}: {key!r} cannot be read: {error}") from None


def of_path(path: Path) -> StateDict:
    """Return the state dict in a file, in the shards of an index, or in a folder of transformers.

    Raises:
        UnreadableModel: the file is missing or damaged, holds no state dict that torch reads without code, or
            two shards hold the same key.
        UsageError: the file needs torch, which is not installed.
    """
    if path.is_dir():
        found = [path / name for name in _IN_FOLDERS if (path / name).is_file()]
        if not found:
            raise UnreadableModel(f"{path}: holds none of {', '.join(_IN_FOLDERS)}; name the file")
        path = found[0]
    demand_checkpoint(path)
    files = (path.parent / each for each in shards_of(path)) if path.name.endswith(".index.json") else (path,)
    entries: dict[str, StateTensor] = {}
    for file in (read := tuple(files)):
        demand_checkpoint(file)
        for key, entry in _entries(file).items():
            if key in entries:
                raise UnreadableModel(
                    f"{file}: {key!r} is in another file of {path.name}, too; save it again"
                )
            entries[key] = entry
    return StateDict(str(path), entries, tuple(dict.fromkeys((path, *read))))


def of_mapping(tensors: object, name: str = "the state dict") -> StateDict:
    """Return the state dict in a mapping of numpy arrays or of tensors of torch.

    Args:
        tensors: the mapping.
        name: its name in messages.

    Raises:
        UsageError: it is no mapping from texts to arrays.
    """
    if not isinstance(tensors, Mapping):
        raise UsageError(
            f"new weights cannot be read from a {type(tensors).__name__}; give a path, a mapping or a torch "
            "module"
        )
    entries = {}
    for key, tensor in tensors.items():
        entry = _of_array(tensor) if isinstance(tensor, np.ndarray) else _of_torch(tensor)
        if not isinstance(key, str) or (entry is None and not hasattr(tensor, "numel")):
            raise UsageError(
                f"{name}: {key!r} is a {type(tensor).__name__}, no array; give arrays by their keys"
            )
        if entry is not None:
            entries[key] = entry
    return StateDict(name, entries)


def _of_array(array: Array) -> StateTensor | None:
    return StateTensor(array.shape, array.dtype, lambda: array) if array.size else None


def _of_torch(tensor: Any) -> StateTensor | None:
    """Return the entry of a tensor of torch; None for any other object, and for a tensor that numpy lacks."""
    if not hasattr(tensor, "numel") or not is_dense(tensor):
        return None
    # One element shows the element type, so the tensor is not copied.
    sample = array_of_torch(tensor.detach().reshape(-1)[:1])
    if sample is None:
        return None
    return StateTensor(tuple(map(int, tensor.shape)), sample.dtype, partial(_content, tensor))


def _content(tensor: Any) -> Array:
    array = array_of_torch(tensor)
    assert array is not None, "its type is one that numpy has"
    return array


def _entries(path: Path) -> dict[str, StateTensor]:
    if path.suffix != ".safetensors":
        found = {key: _of_torch(tensor) for key, tensor in torch_tensors(path).items()}
        return {key: entry for key, entry in found.items() if entry is not None}
    entries = {}
    for each in entries_of(path):
        if each.element is not None and each.stop > each.start:
            entries[each.name] = StateTensor(each.shape, each.element, partial(_stored, path, each))
    return entries


def _stored(path: Path, tensor: SafeTensor) -> Array:
    with path.open("rb") as stream:
        return tensor.read(stream)
