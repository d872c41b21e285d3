"""Tensors outside the model, texts, overloads: moved out of subjects, mutated, and stored otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, TensorProto, numpy_helper

from tests.proof.edits import bodies

DATA, EDITED = "weights.bin", "edited.bin"
_ALIGNED = 8


@dataclass(frozen=True, slots=True)
class Stored:
    """A copy of a model, to be edited, and the folder where its data lies.

    Attributes:
        folder: holds `DATA`, which stays, and `EDITED`, which the last edit wrote.
    """

    model: ModelProto
    folder: Path
    rng: np.random.Generator

    def index(self, below: int) -> int:
        return int(self.rng.integers(below))


Mutation = Callable[[Stored], str | None]


def initializers(model: ModelProto) -> Iterator[TensorProto]:
    """All of them, those of bodies too."""
    for body in bodies(model):
        if isinstance(body, GraphProto):
            yield from body.initializer


def is_external(tensor: TensorProto) -> bool:
    return bool(tensor.data_location == TensorProto.EXTERNAL)


def move_out(model: ModelProto, folder: Path, rng: np.random.Generator) -> None:
    """Half of the float initializers into a file of the folder; those that are inputs stay."""
    inputs = {info.name for info in model.graph.input}
    data = bytearray()
    for tensor in initializers(model):
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in inputs and rng.random() < 0.6:
            _refer(tensor, DATA, _append(data, tensor))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DATA).write_bytes(data)


def _append(data: bytearray, tensor: TensorProto) -> tuple[int, int]:
    """Offset and length."""
    data += bytes(-len(data) % _ALIGNED)
    raw = numpy_helper.to_array(tensor).tobytes()
    data += raw
    return len(data) - len(raw), len(raw)


def _refer(tensor: TensorProto, location: str, place: tuple[int, int]) -> None:
    bare = TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    bare.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", place[0]), ("length", place[1])):
        bare.external_data.add(key=key, value=str(value))
    tensor.CopyFrom(bare)


def _entries(tensor: TensorProto) -> tuple[str, int, int]:
    """Location, offset and length."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    return entries["location"], int(entries["offset"]), int(entries["length"])


def _outside(piece: Stored) -> list[TensorProto]:
    return [tensor for tensor in initializers(piece.model) if is_external(tensor)]


def external_place(piece: Stored) -> str | None:
    """As many bytes from elsewhere in the file."""
    sites = _outside(piece)
    if not sites:
        return None
    tensor = sites[piece.index(len(sites))]
    location, offset, length = _entries(tensor)
    size = (piece.folder / location).stat().st_size
    other = piece.index(size - length + 1) // 4 * 4
    if other == offset:
        return None
    _refer(tensor, location, (other, length))
    return f"{tensor.name} {offset} -> {other}"


def external_bytes(piece: Stored) -> str | None:
    """One bit of the data, in a copy of the file."""
    sites = _outside(piece)
    if not sites:
        return None
    tensor = sites[piece.index(len(sites))]
    location, offset, length = _entries(tensor)
    data = bytearray((piece.folder / location).read_bytes())
    at = offset + piece.index(length)
    data[at] ^= 1 << piece.index(8)
    (piece.folder / EDITED).write_bytes(data)
    _refer(tensor, EDITED, (offset, length))
    return f"{tensor.name} byte {at}"


def text_changed(piece: Stored) -> str | None:
    """One text of a tensor becomes another."""
    sites = [tensor for tensor in initializers(piece.model) if len(tensor.string_data) > 1]
    if not sites:
        return None
    tensor = sites[piece.index(len(sites))]
    at = piece.index(len(tensor.string_data))
    others = [text for text in tensor.string_data if text != tensor.string_data[at]] or [b"7.25"]
    old, tensor.string_data[at] = tensor.string_data[at], others[piece.index(len(others))]
    return f"{tensor.name} {at}: {old!r} -> {tensor.string_data[at]!r}"


def text_boundary(piece: Stored) -> str | None:
    """The last character of a text goes to the next one: all bytes in a row stay the same."""
    sites = [
        (tensor, at)
        for tensor in initializers(piece.model)
        for at in range(len(tensor.string_data) - 1)
        if len(tensor.string_data[at]) > 1
    ]
    if not sites:
        return None
    tensor, at = sites[piece.index(len(sites))]
    texts = tensor.string_data
    texts[at], texts[at + 1] = texts[at][:-1], texts[at][-1:] + texts[at + 1]
    return f"{tensor.name} {at}"


def attribute_texts(piece: Stored) -> str | None:
    """Two texts of an attribute in each other's place."""
    sites = [
        attribute
        for body in bodies(piece.model)
        for node in body.node
        for attribute in node.attribute
        if attribute.type == AttributeProto.STRINGS and len(attribute.strings) > 1
    ]
    if not sites:
        return None
    attribute = sites[piece.index(len(sites))]
    one, other = (int(at) for at in piece.rng.choice(len(attribute.strings), 2, replace=False))
    texts = attribute.strings
    texts[one], texts[other] = texts[other], texts[one]
    return f"{attribute.name} {one} {other}"


def called_overload(piece: Stored) -> str | None:
    """Another function of the name."""
    known = _overloads(piece.model)
    sites = [node for node in piece.model.graph.node if len(known.get((node.domain, node.op_type), ())) > 1]
    if not sites:
        return None
    node = sites[piece.index(len(sites))]
    others = [f.overload for f in known[node.domain, node.op_type] if f.overload != node.overload]
    old, node.overload = node.overload, others[piece.index(len(others))]
    return f"{node.op_type}: {old!r} -> {node.overload!r}"


def overloads_exchanged(piece: Stored) -> str | None:
    """Two functions of one name that bear each other's overload."""
    called = {(node.domain, node.op_type) for node in piece.model.graph.node}
    sites = [each for key, each in _overloads(piece.model).items() if key in called and len(each) > 1]
    if not sites:
        return None
    functions = sites[piece.index(len(sites))]
    one, other = (functions[int(at)] for at in piece.rng.choice(len(functions), 2, replace=False))
    one.overload, other.overload = other.overload, one.overload
    return f"{one.name}: {one.overload!r} {other.overload!r}"


def _overloads(model: ModelProto) -> dict[tuple[str, str], list[FunctionProto]]:
    found: dict[tuple[str, str], list[FunctionProto]] = {}
    for function in model.functions:
        found.setdefault((function.domain, function.name), []).append(function)
    return found


KINDS: dict[str, Mutation] = {
    each.__name__: each
    for each in (
        *(external_place, external_bytes, text_changed, text_boundary, attribute_texts),
        *(called_overload, overloads_exchanged),
    )
}


def mutant(
    original: ModelProto, folder: Path, kind: str, seed: tuple[int, ...]
) -> tuple[ModelProto, str] | None:
    """The model with one edit of a kind, and what was edited; None where it has no room for it."""
    copy = ModelProto()
    copy.CopyFrom(original)
    edit = KINDS[kind](Stored(copy, folder, np.random.default_rng(seed)))
    return None if edit is None or copy == original else (copy, edit)


def store_elsewhere(model: ModelProto, folder: Path, rng: np.random.Generator) -> None:
    """Every tensor outside moves to another file, or into the model; some of those inside go out."""
    inputs = {info.name for info in model.graph.input}
    data = bytearray(rng.bytes(int(rng.integers(64))))
    for tensor in initializers(model):
        if is_external(tensor):
            location, offset, length = _entries(tensor)
            raw = (folder / location).read_bytes()[offset : offset + length]
            tensor.CopyFrom(
                TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims, raw_data=raw)
            )
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in inputs and rng.random() < 0.5:
            _refer(tensor, EDITED, _append(data, tensor))
    (folder / EDITED).write_bytes(data)


def twin(folder: Path, name: str) -> Path:
    """A copy of the folder beside it."""
    copy = folder.with_name(name)
    shutil.copytree(folder, copy, dirs_exist_ok=True)
    return copy
