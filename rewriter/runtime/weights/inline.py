"""Moves large inline weights of models into one file, so that they are neither parsed nor held twice.

onnxruntime maps external data into memory but copies inline weights several times. With hundreds of megabytes
of weights, copying takes most of the time of a comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import BinaryIO, TypeVar

from google.protobuf.message import Message
from onnx import ModelProto, StringStringEntryProto, TensorProto

from rewriter.model.undecodable_names import set_text

Key = TypeVar("Key")

LOCATION = "weights.bin"
_LARGE = 1 << 16
"""Minimum bytes of a tensor to move."""
_OF_SHAPE = 1 << 12
"""Maximum bytes of a tensor that may hold a shape."""
_WORTHWHILE = 1 << 14
"""Minimum elements of a tensor for which the file is worthwhile."""
_ALIGNED = 1 << 12
"""Alignment of offsets: a mapping into memory starts at a page."""


class SharedWeights:
    """Writer of one file for large `raw_data` of initializers of models; equal data is written once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places: dict[tuple[int, bytes, bytes], list[tuple[int, TensorProto]]] = {}
        self._end = 0

    def move(self, models: Mapping[Key, ModelProto]) -> dict[Key, ModelProto]:
        """Return copies of the models whose large inline initializers refer to the file instead."""
        with (self.folder / LOCATION).open("wb") as stream:
            return {key: self._moved(model, stream) for key, model in models.items()}

    def _moved(self, model: ModelProto, stream: BinaryIO) -> ModelProto:
        return with_initializers(model, lambda tensor: self._reference(tensor, stream))

    def _reference(self, tensor: TensorProto, stream: BinaryIO) -> TensorProto:
        data = tensor.raw_data
        if len(data) < _LARGE or tensor.data_location == TensorProto.EXTERNAL:
            return tensor
        offset = self._place(tensor, data, stream)
        entries = {"location": LOCATION, "offset": str(offset), "length": str(len(data))}
        reference = bare(tensor)
        reference.data_location = TensorProto.EXTERNAL
        reference.external_data.extend(
            StringStringEntryProto(key=key, value=value) for key, value in entries.items()
        )
        return reference

    def _place(self, tensor: TensorProto, data: bytes, stream: BinaryIO) -> int:
        """Return the offset of the data in the file; write the data if it is new."""
        alike = self._places.setdefault((len(data), data[:_ALIGNED], data[-_ALIGNED:]), [])
        for offset, other in alike:
            if other.raw_data == data:
                return offset
        offset = -(-self._end // _ALIGNED) * _ALIGNED
        stream.seek(offset)
        stream.write(data)
        self._end = offset + len(data)
        alike.append((offset, tensor))
        return offset


def bare(tensor: TensorProto) -> TensorProto:
    """Return the tensor without its content."""
    made = TensorProto(dims=tensor.dims, data_type=tensor.data_type)
    set_text(made, "name", tensor.name)
    return made


def outline(tensor: TensorProto) -> TensorProto:
    """Return the tensor; `raw_data` that is too large for a shape is dropped and marked as external."""
    if tensor.data_location == TensorProto.EXTERNAL or len(tensor.raw_data) <= _OF_SHAPE:
        return tensor
    made = bare(tensor)
    made.data_location = TensorProto.EXTERNAL
    made.external_data.add(key="location", value="weights")
    return made


def holds_weights(model: ModelProto) -> bool:
    """Whether a model has a large inline initializer and no external ones."""
    tensors = model.graph.initializer
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in tensors):
        return False
    return any(tensor.HasField("raw_data") and prod(tensor.dims) >= _WORTHWHILE for tensor in tensors)


def with_initializers(model: ModelProto, form: Callable[[TensorProto], TensorProto]) -> ModelProto:
    """Return a copy of a model with replaced initializers in its main graph.

    The content of a replaced initializer is never copied.

    Args:
        model: the model.
        form: returns the replacement of an initializer.
    """
    made = ModelProto()
    copy_but(model, made, "graph")
    copy_but(model.graph, made.graph, "initializer")
    made.graph.initializer.extend(map(form, model.graph.initializer))
    return made


def copy_but(source: Message, target: Message, left_out: str) -> None:
    """Copy all fields of a message that the installed onnx knows, except `left_out`."""
    for field, value in source.ListFields():
        slot = getattr(target, field.name)
        if field.name == left_out:
            continue
        if isinstance(slot, Message):
            slot.CopyFrom(value)
        elif hasattr(slot, "MergeFrom"):  # a repeated field
            slot.MergeFrom(value)
        elif field.type == field.TYPE_STRING:
            set_text(target, field.name, value)
        else:
            setattr(target, field.name, value)
