"""Packs the byte ranges of external data that models read into new data files.

A range that one model reads goes into the data file of this model, `NAME.data`. A range that several models
read goes into `shared.data`, so it is written once, and each model needs at most two files. Ranges that
overlap stay together.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from onnx import ModelProto, TensorProto

from rewriter.model.storage.external_data import bytes_of, needed_file, tensors_of
from rewriter.model.storage.staging import Excerpt, Slice

SHARED = "shared.data"
_LEAST_ALIGNED = 1 << 4
_MOST_ALIGNED = 1 << 16
"""Alignment of a range: a power of two of at most a sixteenth of its length, so that gaps stay small.

A range of 64 KiB starts at a memory page, and one of 1 MiB at a multiple of what Windows maps.
"""
_OF_ONE_FILE = frozenset({"location", "offset", "length", "checksum"})
_PREPACKED = "prepacked"
"""Prefix of the keys under which onnxruntime keeps other ranges of the same file: copies of the weight in the
order that a kernel reads. Without them, it makes these copies itself."""


class Range(NamedTuple):
    """Bytes of a data file that a tensor refers to; one location for all spellings of a path."""

    location: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Packing:
    """Layout of new data files for some models.

    Attributes:
        folder: the folder of the models and data files that are read.
        places: range -> the location and the offset of its copy.
        files: location -> the content of the new file.
    """

    folder: Path
    places: Mapping[Range, tuple[str, int]]
    files: Mapping[str, Excerpt]

    @property
    def size(self) -> int:
        """The bytes of all new files."""
        return sum(content.size for content in self.files.values())

    def move(self, tensor: TensorProto) -> None:
        """Make an external tensor refer to the copy of its range; data that stays has no copy."""
        found = range_of(tensor, self.folder)
        if found not in self.places:
            return
        location, offset = self.places[found]
        entries = {"location": location, "offset": str(offset), "length": str(found.end - found.start)}
        for entry in tensor.external_data:
            if entry.key not in _OF_ONE_FILE and not entry.key.startswith(_PREPACKED):
                entries[entry.key] = entry.value
        del tensor.external_data[:]
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=value)


def pack(models: Mapping[str, ModelProto], folder: Path, staying: Collection[str] = frozenset()) -> Packing:
    """Lay out the data files of models.

    Args:
        models: file name of each model to write -> the model; its external data has passed
            `check_external_data`.
        folder: the folder of the data files that the models refer to.
        staying: locations of data files that are not copied.
    """
    readers: dict[Range, set[str]] = {}
    for name, model in models.items():
        for tensor in tensors_of(model):
            if tensor.data_location == TensorProto.EXTERNAL and needed_file(tensor)[0] not in staying:
                readers.setdefault(range_of(tensor, folder), set()).add(name)
    slices: dict[str, list[tuple[int, Slice]]] = {}
    places: dict[Range, tuple[str, int]] = {}
    for block in _blocks(readers):
        location = SHARED if len(block.readers) > 1 else f"{min(block.readers)}.data"
        written = slices.setdefault(location, [])
        length = block.end - block.start
        at = _aligned(written[-1][0] + written[-1][1].length if written else 0, length)
        written.append((at, Slice(folder / block.location, block.start, length)))
        places.update((each, (location, at + each.start - block.start)) for each in block.ranges)
    return Packing(folder, places, {name: Excerpt(tuple(found)) for name, found in slices.items()})


def range_of(tensor: TensorProto, folder: Path) -> Range:
    """Return the bytes that an external tensor refers to.

    Args:
        tensor: the tensor, which has passed `check_external_data`.
        folder: the folder of the data files.
    """
    location, end = needed_file(tensor)
    entries = {entry.key: entry.value for entry in tensor.external_data}
    if not entries.get("length") and bytes_of(tensor) is None:
        end = (folder / location).stat().st_size  # readers take such data to extend to the end of the file
    return Range(posixpath.normpath(location), int(entries.get("offset") or 0), end)


@dataclass(slots=True)
class _Block:
    """Overlapping ranges, the bytes from the first to the last, and the models that read them."""

    location: str
    start: int
    end: int
    ranges: list[Range] = field(default_factory=list)
    readers: set[str] = field(default_factory=set)


def _blocks(readers: Mapping[Range, Iterable[str]]) -> Iterator[_Block]:
    """Yield the blocks, in the order of the files that they are read from."""
    block: _Block | None = None
    for each in sorted(readers):
        if block is None or each.location != block.location or each.start >= block.end:
            if block is not None:
                yield block
            block = _Block(*each)
        block.end = max(block.end, each.end)
        block.ranges.append(each)
        block.readers.update(readers[each])
    if block is not None:
        yield block


def _aligned(offset: int, length: int) -> int:
    sixteenth = 1 << max(length.bit_length() - 5, 0)
    alignment = min(max(sixteenth, _LEAST_ALIGNED), _MOST_ALIGNED)
    return -(-offset // alignment) * alignment
