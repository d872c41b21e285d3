"""External data: allowed locations and references. The rules are stricter than those of onnx.

A location is a path below the folder of the model. An untrusted file must not make this package, or a reader
of its output, open any other file: no absolute path, no `..`, no symbolic or hard link, no pipe or device.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path, PurePosixPath, PureWindowsPath

from onnx import AttributeProto, GraphProto, ModelProto, SparseTensorProto, TensorProto

from rewriter.errors import UnreadableModel
from rewriter.model.index.graph import graphs_of

_BITS = {
    **dict.fromkeys(("UINT2", "INT2"), 2),
    **dict.fromkeys(("UINT4", "INT4", "FLOAT4E2M1"), 4),
    **dict.fromkeys(("BOOL", "INT8", "UINT8"), 8),
    **dict.fromkeys(("FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "FLOAT8E8M0"), 8),
    **dict.fromkeys(("INT16", "UINT16", "FLOAT16", "BFLOAT16"), 16),
    **dict.fromkeys(("INT32", "UINT32", "FLOAT"), 32),
    **dict.fromkeys(("INT64", "UINT64", "DOUBLE", "COMPLEX64"), 64),
    "COMPLEX128": 128,
}
BITS_OF = {
    TensorProto.DataType.Value(name): bits
    for name, bits in _BITS.items()
    if name in TensorProto.DataType.keys()  # noqa: SIM118 - a protobuf enum is no mapping
}
"""Element type -> its bits, for types that the installed onnx knows."""

_SMALL = 1 << 16
"""Maximum bytes of a tensor whose data is read to see if it is empty."""

_INTEGERS = ("int32_data", "int64_data", "uint64_data")


def tensors_of(model: ModelProto) -> Iterator[TensorProto]:
    """Yield every tensor that can hold external data: initializers and attributes, also in functions."""
    for held in _held_by(model):
        yield from _dense(held)


def demand_all_sizes(model: ModelProto) -> None:
    """Refuse a model that holds a tensor with an impossible shape; no data is read.

    Raises:
        UnreadableModel: a size in the shape of a tensor is negative.
    """
    for held in _held_by(model):
        demand_sizes(held)


def _held_by(model: ModelProto) -> Iterator[TensorProto | SparseTensorProto]:
    graphs: list[GraphProto] = [model.graph]
    for training in model.training_info:
        graphs += (training.initialization, training.algorithm)
    nodes = [node for function in model.functions for node in function.node]
    for function in model.functions:
        for attribute in function.attribute_proto:
            graphs.extend(graphs_of(attribute))
            yield from _tensors_in(attribute)
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            yield from graph.initializer
            yield from graph.sparse_initializer
            nodes.extend(graph.node)
        while nodes:
            for attribute in nodes.pop().attribute:
                graphs.extend(graphs_of(attribute))
                yield from _tensors_in(attribute)


def _tensors_in(attribute: AttributeProto) -> Iterator[TensorProto | SparseTensorProto]:
    match attribute.type:
        case AttributeProto.TENSOR:
            yield attribute.t
        case AttributeProto.TENSORS:
            yield from attribute.tensors
        case AttributeProto.SPARSE_TENSOR:
            yield attribute.sparse_tensor
        case AttributeProto.SPARSE_TENSORS:
            yield from attribute.sparse_tensors


def external_locations(model: ModelProto) -> dict[str, int]:
    """Map the location of each external data file to the minimum size of the file in bytes.

    Raises:
        UnreadableModel: a tensor is not valid: its shape has a negative size, its offset or length is no
            number of bytes, its raw or external data has fewer bytes than its shape needs, or it has
            external data and raw data inside the model as well.
    """
    needed: dict[str, int] = {}
    for held in _held_by(model):
        if isinstance(held, SparseTensorProto):
            demand_sizes(held)
        for tensor in _dense(held):
            if tensor.data_location == TensorProto.EXTERNAL:
                location, end = needed_file(tensor)
                needed[location] = max(needed.get(location, 0), end)
            elif tensor.HasField("raw_data") and not _is_stripped(tensor):
                _demand_bytes(tensor, tensor.ByteSize())  # slightly more than the data; the data is not read
            elif (stored := _bytes_of_numbers(tensor)) is not None:
                _demand_bytes(tensor, stored)
            else:
                demand_sizes(tensor)
    return needed


def _dense(held: TensorProto | SparseTensorProto) -> tuple[TensorProto, ...]:
    return (held,) if isinstance(held, TensorProto) else (held.values, held.indices)


def needed_file(tensor: TensorProto) -> tuple[str, int]:
    """Return the location of a tensor's data, and the minimum size of that file.

    Raises:
        UnreadableModel: the reference contradicts itself or the tensor.
    """
    entries = {entry.key: entry.value for entry in tensor.external_data}
    try:
        offset = int(entries.get("offset") or 0)
        length = int(entries["length"]) if entries.get("length") else None
    except ValueError:
        offset = length = -1
    if offset < 0 or (length is not None and length < 0):
        raise UnreadableModel(
            f"tensor {tensor.name!r}: its external offset or length is no number of bytes; export it again"
        )
    # Saving such a model with onnx.save would append these bytes to a file that the model names.
    if tensor.raw_data:
        raise UnreadableModel(
            f"tensor {tensor.name!r}: it has data inside the model and in another file; export it again"
        )
    if length is None:
        return entries.get("location", ""), offset + (bytes_of(tensor) or 0)
    _demand_bytes(tensor, length)
    return entries.get("location", ""), offset + length


def _bytes_of_numbers(tensor: TensorProto) -> int | None:
    """Return the bytes of the elements in the typed field of a tensor; None without numbers there.

    A number of `float_data` or `double_data` is an element, or half of a complex one. A number of the other
    fields is an element, or a byte of narrower ones.
    """
    bits = BITS_OF.get(tensor.data_type, 0)
    widths = {"float_data": 32, "double_data": 64, **dict.fromkeys(_INTEGERS, max(8, bits))}
    found = sum(len(getattr(tensor, field)) * width for field, width in widths.items())
    return found // 8 if found else None


def _is_stripped(tensor: TensorProto) -> bool:
    """Whether a tool has stripped the content of a weight, and left an empty field."""
    return tensor.ByteSize() <= _SMALL and not tensor.raw_data


def _demand_bytes(tensor: TensorProto, found: int) -> None:
    needed = bytes_of(tensor)
    if needed is not None and found < needed:
        raise UnreadableModel(
            f"tensor {tensor.name!r}: its data is shorter than the {needed:,} bytes that its shape asks for; "
            "export it again"
        )


def bytes_of(tensor: TensorProto) -> int | None:
    """Return the bytes that shape and type of a tensor need; None for strings and unknown types.

    Raises:
        UnreadableModel: a size in its shape is negative.
    """
    demand_sizes(tensor)
    bits = BITS_OF.get(tensor.data_type)
    return None if bits is None else (prod(tensor.dims) * bits + 7) // 8


def demand_sizes(tensor: TensorProto | SparseTensorProto) -> None:
    """Refuse a tensor with an impossible shape.

    Raises:
        UnreadableModel: a size in its shape is negative.
    """
    if any(dim < 0 for dim in tensor.dims):
        name = tensor.name if isinstance(tensor, TensorProto) else tensor.values.name
        raise UnreadableModel(f"tensor {name!r}: a size in its shape is negative; export it again")


def check_external_data(model: ModelProto, path: Path, *, demand: bool = True) -> tuple[str, ...]:
    """Check the external data files of the model at `path`; return their locations relative to its folder.

    Args:
        model: the model.
        path: its file.
        demand: whether all files must exist; if not, the file of a location may be missing.

    Raises:
        UnreadableModel: a file is missing, too short or not allowed, or a tensor is not valid (see
            `external_locations`).
    """
    try:
        needed = external_locations(model)
    except UnreadableModel as error:
        raise UnreadableModel(f"{path}: {error}") from None
    for location, size in needed.items():
        fault = fault_of_data(path.parent, location, size)
        if fault and (demand or fault != _MISSING):
            raise UnreadableModel(f"{path}: external data {location[:200]!r} {fault}")
    return tuple(needed)


def missing_of(locations: Iterable[str], folder: Path) -> str | None:
    """Return a fault that names the first data file that is missing in `folder`; None if all are there."""
    for location in locations:
        if not os.path.lexists(folder / location):
            return f"external data {location[:200]!r} {_MISSING}"
    return None


def fault_of_data(folder: Path, location: str, size: int = 0) -> str | None:
    """Return the fault of an external data file with its remedy; None for a good file. No file is opened.

    Args:
        folder: the folder of the model.
        location: the location as stated in the model.
        size: the minimum size of the file in bytes.
    """
    if not isinstance(location, str):
        return "is no UTF-8, so it can be no name of a file; export the model again"
    if _IN_MEMORY in location:
        return "is an address in the memory of onnxruntime, and no file; save the model again"
    if not is_inside(location):
        return "is not inside the model's folder; move it there"
    try:
        home, data = folder.resolve(), folder.resolve() / location
        if data.is_symlink() or not data.resolve().is_relative_to(home):
            return "is a link; put the file itself beside the model"
        return _fault_of_file(data.stat(), size) if os.path.lexists(data) else _MISSING
    except (OSError, ValueError, RuntimeError):  # too long, contains a NUL, or links form a cycle
        return "cannot be the name of a file; export the model again"


_IN_MEMORY = "_ORT_MEM_ADDR_"
"""Part of the locations by which onnxruntime refers to its memory; a file could name any address."""
_MISSING = "is missing; put it beside the model"


def _fault_of_file(found: os.stat_result, size: int) -> str | None:
    if stat.S_ISDIR(found.st_mode):
        return "is missing: a folder bears its name; put the file itself beside the model"
    if not stat.S_ISREG(found.st_mode):
        return "is a pipe or device, not a file; put the file itself beside the model"
    if found.st_nlink > 1:
        return "is a hard link, so it may be a file from elsewhere; put a copy beside the model"
    if found.st_size < size:
        return f"has {found.st_size} bytes, the model needs {size}; copy or export it again"
    return None


def is_inside(location: str) -> bool:
    """Whether a location names a file below the model's folder, by the rules of POSIX and of Windows."""
    path, foreign = PurePosixPath(location), PureWindowsPath(location)
    return (
        bool(path.parts)
        and not path.is_absolute()
        and not foreign.anchor
        and ".." not in (*path.parts, *foreign.parts)
    )
