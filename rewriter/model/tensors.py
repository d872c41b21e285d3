"""Reads the content of one tensor, inline or external, on demand; nothing is kept."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from rewriter.model.storage.external_data import fault_of_data

FLOATS = frozenset({TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16})
"""Element types of floating-point numbers that are not quantised."""
_TYPED = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")

Array = NDArray[Any]


def inline_bytes(tensor: TensorProto) -> bytes | None:
    """Return the content of `raw_data`, or the equivalent bytes of a tensor stored in a typed field.

    None for strings, segments, data in two fields, and typed numbers that have an unknown element type, do
    not fit the shape, or are outside the range of the element type: readers convert such numbers differently.
    """
    typed = [name for name in _TYPED if getattr(tensor, name)]
    if tensor.string_data or tensor.HasField("segment") or len(typed) + tensor.HasField("raw_data") > 1:
        return None
    if not typed:
        return bytes(tensor.raw_data)
    if not _in_range(tensor, typed[0]):
        return None
    try:
        with np.errstate(all="raise"):
            return numpy_helper.from_array(numpy_helper.to_array(tensor)).raw_data
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return None


_RANGES: dict[int, tuple[int, int]] = {
    TensorProto.BOOL: (0, 1),
    TensorProto.INT8: (-128, 127),
    TensorProto.INT16: (-(2**15), 2**15 - 1),
    TensorProto.UINT16: (0, 2**16 - 1),
    TensorProto.FLOAT16: (0, 2**16 - 1),
    TensorProto.BFLOAT16: (0, 2**16 - 1),
    TensorProto.UINT32: (0, 2**32 - 1),
}
"""Element type -> the range of valid numbers in its wider field; floats are stored as their bits."""
_BYTE = (0, 255)
"""The range for all other types in `int32_data`: bits of 8-bit types, or of 2 or 4 narrow elements."""


def _in_range(tensor: TensorProto, field: str) -> bool:
    """Whether a typed field holds only numbers of the element type."""
    narrow = field == "int32_data" and tensor.data_type != TensorProto.INT32
    if not (narrow or (field == "uint64_data" and tensor.data_type == TensorProto.UINT32)):
        return True
    low, high = _RANGES.get(tensor.data_type, _BYTE)
    numbers = np.array(getattr(tensor, field))
    return bool(numbers.min() >= low and numbers.max() <= high)


def data_file(folder: Path, location: str) -> Path:
    """Return the path of an external data file.

    Raises:
        ValueError: the file is missing or not allowed, see `fault_of_data`.
    """
    if fault := fault_of_data(folder, location):
        raise ValueError(fault)
    return folder / location


def reference_of(tensor: TensorProto) -> tuple[str, int, int | None]:
    """Return location, offset and length of external data; None for a missing length.

    Raises:
        ValueError: offset or length is not a number of bytes.
    """
    entries = {entry.key: entry.value for entry in tensor.external_data}
    offset = int(entries.get("offset", 0))
    length = int(entries["length"]) if "length" in entries else None
    if offset < 0 or (length is not None and length < 0):
        raise ValueError("negative offset or length")
    return entries.get("location", ""), offset, length


def array_of(tensor: TensorProto, folder: Path | None) -> Array | None:
    """Return the content as an array, however large; None if there is none.

    None for content that is empty, unreadable, or of another size than the shape needs, and for element types
    without a numpy type of whole bytes.

    Args:
        tensor: the tensor.
        folder: the folder of external data; None if unknown.
    """
    element = np_type(tensor.data_type)
    if element is None:
        return None
    size = int(np.prod(tensor.dims, dtype=object)) * element.itemsize
    try:
        data = _external_bytes(tensor, folder, size) if is_external(tensor) else inline_bytes(tensor)
    except (OSError, ValueError):
        return None
    if data is None or len(data) != size or not size:
        return None
    return np.frombuffer(data, element).reshape(tuple(tensor.dims))


def elements_of(tensor: TensorProto, folder: Path | None, places: Array) -> Array | None:
    """Return some elements of a tensor, without reading the others of external data.

    None for content that is unreadable, ends before them, or has no numpy type of whole bytes.

    Args:
        tensor: the tensor.
        folder: the folder of external data; None if unknown.
        places: numbers of elements, in the order of storage.
    """
    element = np_type(tensor.data_type)
    if element is None:
        return None
    if not is_external(tensor):
        array = array_of(tensor, None)
        return None if array is None else array.reshape(-1)[places]
    try:
        location, offset, _ = reference_of(tensor)
        if folder is None:
            return None
        with data_file(folder, location).open("rb") as stream:
            read = [_bytes_at(stream, offset + int(place) * element.itemsize, element) for place in places]
    except (OSError, ValueError):
        return None
    data = b"".join(read)
    return np.frombuffer(data, element) if len(data) == len(places) * element.itemsize else None


def _bytes_at(stream: BinaryIO, position: int, element: np.dtype[Any]) -> bytes:
    stream.seek(position)
    return stream.read(element.itemsize)


def is_external(tensor: TensorProto) -> bool:
    """Whether the content is in another file."""
    return tensor.data_location == TensorProto.EXTERNAL


def np_type(data_type: int) -> np.dtype[Any] | None:
    """Return numpy's type for an ONNX element type of whole bytes; None for the others."""
    if data_type in _NO_BYTES or data_type not in TensorProto.DataType.values():
        return None
    found = helper.tensor_dtype_to_np_dtype(data_type)
    return None if found.hasobject else found


_NO_BYTES = frozenset(
    TensorProto.DataType.Value(name)
    for name in ("UNDEFINED", "STRING", "INT4", "UINT4", "INT2", "UINT2", "FLOAT4E2M1")
    if name in TensorProto.DataType.keys()  # noqa: SIM118 - a protobuf enum is no mapping
)


def _external_bytes(tensor: TensorProto, folder: Path | None, size: int) -> bytes | None:
    location, offset, length = reference_of(tensor)
    if folder is None or (length is not None and length != size):
        return None
    with data_file(folder, location).open("rb") as stream:
        if stream.seek(0, 2) < offset + size:  # before allocating anything of that size
            return None
        stream.seek(offset)
        return stream.read(size)


@cache
def dtype_name(data_type: int) -> str:
    """Return the name of an ONNX element type, numpy's if it has one: `float32`, `int64`, `bfloat16`."""
    if data_type not in TensorProto.DataType.values():
        return f"type {data_type}"
    name = TensorProto.DataType.Name(data_type).lower()
    return {"float": "float32", "double": "float64"}.get(name, name)
