"""External data of a model with pieces: references to files of several folders, and their copies."""

from __future__ import annotations

import os
from pathlib import Path

from onnx import ModelProto, TensorProto

from rewriter.errors import UsageError
from rewriter.model.storage import external_data, output_targets
from rewriter.model.storage.data_copies import Copies
from rewriter.model.storage.external_data import tensors_of
from rewriter.model.tensors import reference_of
from rewriter.modules.analysis import Analysis
from rewriter.proof.contents import Contents
from rewriter.proof.scope import Unprovable


def moved_to(piece: ModelProto, folder: Path, home: Path) -> ModelProto:
    """Return a piece whose references to external data are relative to another folder.

    Args:
        piece: the piece.
        folder: the folder of its data.
        home: the other folder.
    """
    way = os.path.relpath(folder.resolve(), home.resolve())
    if way == ".":
        return piece
    moved = ModelProto()
    moved.CopyFrom(piece)
    for tensor in tensors_of(moved):
        for entry in tensor.external_data if tensor.data_location == TensorProto.EXTERNAL else ():
            if entry.key == "location":
                entry.value = Path(way, entry.value).as_posix()
    return moved


def loaded(model: ModelProto, home: Path) -> ModelProto:
    """Return a model that a runtime can load: data outside of its folder is inside the model.

    onnxruntime reads no data outside of the folder of a model.
    """
    if all(map(_is_beside, tensors_of(model))):
        return model
    made = ModelProto()
    made.CopyFrom(model)
    for tensor in tensors_of(made):
        if not _is_beside(tensor):
            location, offset, length = reference_of(tensor)
            with (home / location).open("rb") as stream:
                stream.seek(offset)
                tensor.raw_data = stream.read(-1 if length is None else length)
            tensor.data_location = TensorProto.DEFAULT
            del tensor.external_data[:]
    return made


def same_content(one: TensorProto, other: TensorProto, home: Path) -> bool:
    """Whether two tensors have the same type, shape and content, however they are stored.

    Args:
        one: a tensor.
        other: another.
        home: the folder that references to external data are relative to.
    """
    if one.data_type != other.data_type or one.dims != other.dims:
        return False
    contents = Contents(by_content=True)
    try:
        return contents.key(*_found(one, home)) == contents.key(*_found(other, home))
    except Unprovable:  # one has no content, or its data is missing
        return False


def _found(tensor: TensorProto, home: Path) -> tuple[TensorProto, Path]:
    """Return a tensor whose data, if external, is in the folder that is returned."""
    if _is_beside(tensor):
        return tensor, home
    path = home / reference_of(tensor)[0]
    near = TensorProto()
    near.CopyFrom(tensor)
    for entry in near.external_data:
        if entry.key == "location":
            entry.value = path.name
    return near, path.parent


def plan_data(model: ModelProto, source: Path | None, output: Path, *, copy_data: bool) -> Copies:
    """Plan the copies of external data that the model to write needs in its folder.

    Args:
        model: the model with the pieces; its references are relative to the folder of `source`.
        source: the file of the model before; None for a model in memory.
        output: the file to write.
        copy_data: whether data may be copied.

    Raises:
        CannotWrite: the target cannot be written.
        UsageError: the target would replace an input, or data must be copied and `copy_data` is False.
    """
    data = tuple(external_data.external_locations(model))
    return output_targets.plan_packing(source, {output: model}, data, copy_data=copy_data)


def demand_spared(output: Path, read: Analysis) -> None:
    """Refuse an output that would replace a model that was read, or its data.

    Raises:
        UsageError: the output is such a file.
    """
    if read.path is not None and output.exists():
        data = external_data.external_locations(read.model)
        for path in (read.path, *(read.path.parent / location for location in data)):
            if path.exists() and output.samefile(path):
                raise UsageError(f"{output}: is read here; name another output, inputs are never changed")


def _is_beside(tensor: TensorProto) -> bool:
    return tensor.data_location != TensorProto.EXTERNAL or external_data.is_inside(reference_of(tensor)[0])
