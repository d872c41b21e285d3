"""Reading the structure of a model without its weights, and writing a file whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import DecodeError, EncodeError
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto

from rewriter.model.graph import graphs_of
from rewriter.refusals import CannotWrite, UnreadableModel

_CHUNK = 16 << 20

# How other files begin, in lower case and without leading space.
_SIGNS = (
    (b"version https://git-lfs", "a git-lfs pointer, not the model", "run 'git lfs pull'"),
    (b"pk\x03\x04", "a zip archive", "unpack it first"),
    (b"\x1f\x8b", "gzip data", "unpack it first"),
    (b"<!doctype html", "an HTML page", "download the file itself"),
    (b"<html", "an HTML page", "download the file itself"),
    (b"\x89hdf", "an HDF5 file", "convert it to ONNX first"),
)


def load(path: Path) -> ModelProto:
    """Read the structure of a model; external weights are left where they are, unread.

    Raises:
        UnreadableModel: the file is missing, a folder, empty, cut off, or not ONNX.
    """
    if path.is_dir():
        raise UnreadableModel(f"{path}: a folder, not a file; name the .onnx file inside it")
    if path.exists() and not path.is_file():
        raise UnreadableModel(f"{path}: a pipe or device, not a file; save the model to a file first")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UnreadableModel(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise UnreadableModel(f"{path}: cannot be read: {error.strerror}; check its permissions") from None
    return parse(data, str(path))


def parse(data: bytes, name: str) -> ModelProto:
    """Parse serialized bytes of a model; `name` stands for them in errors.

    Raises:
        UnreadableModel: the bytes are not a whole ONNX model.
    """
    if not data:
        raise UnreadableModel(f"{name}: the file is empty; export or download it again")
    start = data[:64].lstrip().lower()
    for sign, what, mend in _SIGNS:
        if start.startswith(sign):
            raise UnreadableModel(f"{name}: {what}; {mend}")
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise UnreadableModel(
            f"{name}: not an ONNX model, or cut off midway; export or download it again"
        ) from None
    if not model.HasField("graph") and not model.functions:
        raise UnreadableModel(f"{name}: holds no graph, so it is not an ONNX model; check which file this is")
    return model


def serialize(model: ModelProto) -> bytes:
    """The bytes of a model, the same for the same model.

    Raises:
        CannotWrite: the model with its inline weights is larger than the 2 GiB protobuf allows.
    """
    try:
        return model.SerializeToString(deterministic=True)
    except EncodeError:
        raise CannotWrite(
            "the model exceeds 2 GiB, the limit of protobuf; store its weights as external data first"
        ) from None


def tensors_of(model: ModelProto) -> Iterator[TensorProto]:
    """Every tensor of a model that can hold external data: initializers and tensor attributes, everywhere."""
    graphs: list[GraphProto] = [model.graph]
    nodes = [node for function in model.functions for node in function.node]
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield sparse.values
                yield sparse.indices
            nodes.extend(graph.node)
        while nodes:
            for attribute in nodes.pop().attribute:
                graphs.extend(graphs_of(attribute))
                if attribute.type == AttributeProto.TENSOR:
                    yield attribute.t
                elif attribute.type == AttributeProto.TENSORS:
                    yield from attribute.tensors


def external_locations(model: ModelProto) -> dict[str, int]:
    """Location of each external data file -> the size in bytes that it must at least have."""
    needed: dict[str, int] = {}
    for tensor in tensors_of(model):
        if tensor.data_location == TensorProto.EXTERNAL:
            entries = {entry.key: entry.value for entry in tensor.external_data}
            location = entries.get("location", "")
            try:
                offset, length = int(entries.get("offset", 0)), int(entries.get("length", 0))
            except ValueError:
                offset = length = -1
            if offset < 0 or length < 0:
                raise UnreadableModel(
                    f"tensor {tensor.name!r}: its external offset or length is no number of bytes; "
                    "export it again"
                )
            needed[location] = max(needed.get(location, 0), offset + length)
    return needed


def check_external_data(model: ModelProto, path: Path) -> tuple[str, ...]:
    """The external data files of the model at `path`, relative to its folder, each present and long enough.

    Raises:
        UnreadableModel: a file is missing or too short, or lies outside the folder of the model, which
            onnx and onnxruntime refuse to read as well.
    """
    folder = path.parent.resolve()
    needed = external_locations(model)
    for location, size in needed.items():
        try:
            fault = _fault_of_data(folder, location, size)
        except (OSError, ValueError):  # too long, or a NUL in it
            fault = "cannot be the name of a file; export the model again"
        if fault:
            raise UnreadableModel(f"{path}: external data {location[:200]!r} {fault}")
    return tuple(needed)


def _fault_of_data(folder: Path, location: str, size: int) -> str | None:
    """What is wrong with an external data file, and the mend; None where nothing is."""
    if not location or Path(location).is_absolute() or ".." in Path(location).parts:
        return "is not inside the model's folder; move it there"
    data = folder / location
    if data.is_symlink() or not data.resolve().is_relative_to(folder):
        return "is a link; put the file itself beside the model"
    if not data.is_file():
        return "is missing; put it beside the model"
    if (found := data.stat().st_size) < size:
        return f"has {found} bytes, the model needs {size}; copy or export it again"
    return None
