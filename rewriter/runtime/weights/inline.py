"""Moves the inline weights of both models into one file, so that they are neither parsed nor held twice.

onnxruntime maps external data into memory but copies inline weights several times: that takes most
of the time of a comparison if weights are hundreds of megabytes.
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
_OF_SHAPE = 1 << 12
"""Maximum bytes of a tensor that may hold a shape."""
_WORTHWHILE = 1 << 14
"""Minimum elements of a tensor that make the file worthwhile."""
_ALIGNED = 1 << 12
"""Alignment of offsets that can be mapped into memory: pages."""


class SharedWeights:
    """Writes the large inline initializers of models to one file, equal ones once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places: dict[tuple[int, bytes, bytes], list[tuple[int, TensorProto]]] = {}
        self._end = 0

    def move(self, models: Mapping[Key, ModelProto]) -> dict[Key, ModelProto]:
        """The models with their large inline weights in the file; a model without any is unchanged."""
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
        """The position of the data in the file, which is written if new."""
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
    """The tensor without its content."""
    made = TensorProto(dims=tensor.dims, data_type=tensor.data_type)
    set_text(made, "name", tensor.name)
    return made


def outline(tensor: TensorProto) -> TensorProto:
    """The tensor with its content marked as external; one that may hold a shape is unchanged."""
    if tensor.data_location == TensorProto.EXTERNAL or len(tensor.raw_data) <= _OF_SHAPE:
        return tensor
    made = bare(tensor)
    made.data_location = TensorProto.EXTERNAL
    made.external_data.add(key="location", value="weights")
    return made


def holds_weights(model: ModelProto) -> bool:
    """Whether a model has large initializers inline and none elsewhere."""
    tensors = model.graph.initializer
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in tensors):
        return False
    return any(tensor.HasField("raw_data") and prod(tensor.dims) >= _WORTHWHILE for tensor in tensors)


def with_initializers(model: ModelProto, form: Callable[[TensorProto], TensorProto]) -> ModelProto:
    """A copy of a model with other initializers in its main graph; those that it has are never copied.

    Args:
        model: the model.
        form: initializer -> what stands in its place.
    """
    made = ModelProto()
    copy_but(model, made, "graph")
    copy_but(model.graph, made.graph, "initializer")
    made.graph.initializer.extend(map(form, model.graph.initializer))
    return made


def copy_but(source: Message, target: Message, left_out: str) -> None:
    """Copy all fields but one, so that its content is never copied."""
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
