"""Records of constants that moved into functions, in the metadata of functions and of the model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from onnx import FunctionProto, ModelProto, ValueInfoProto

from rewriter.evidence.metadata import tags
from rewriter.model import metadata


@dataclass(frozen=True, slots=True)
class MovedInput:
    """Input of a function that became a constant: its position before, its name, and the initializer."""

    place: int
    formal: str
    initializer: str


@dataclass(frozen=True, slots=True)
class MoveRecord:
    """Inputs of a function that became constants, and whether it imported the default domain for these."""

    moved: tuple[MovedInput, ...] = ()
    imported: bool = False

    @classmethod
    def of(cls, function: FunctionProto) -> MoveRecord | None:
        """Read the record of a function; an empty one without a record, None if it is damaged."""
        try:
            found = json.loads(metadata.get(function, tags.EMBEDDED) or '{"inputs": []}')
            moved = tuple(MovedInput(int(place), str(f), str(name)) for place, f, name in found["inputs"])
            return cls(moved, bool(found.get("imported")))
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def write(self, function: FunctionProto) -> None:
        """Write the record into the metadata of its function."""
        inputs = [[each.place, each.formal, each.initializer] for each in self.moved]
        found = {"inputs": inputs, **({"imported": True} if self.imported else {})}
        metadata.write(function, {tags.EMBEDDED: json.dumps(found, ensure_ascii=False)})

    @property
    def formals(self) -> dict[str, str]:
        """Initializer -> the input that had it."""
        return {each.initializer: each.formal for each in self.moved}


@dataclass(frozen=True, slots=True)
class LeftInitializer:
    """Initializer that left the model: its name, its position, and that of its stated type or NONE."""

    place: int
    name: str
    info: int


def left_initializers(model: ModelProto) -> list[LeftInitializer]:
    """Return the recorded initializers that left the model, in the order of their positions."""
    try:
        found = json.loads(metadata.get(model, tags.EMBEDDED) or "[]")
        return [LeftInitializer(int(place), str(name), int(info)) for place, name, info in found]
    except (ValueError, TypeError):
        return []


def write_left(model: ModelProto, left: Sequence[LeftInitializer]) -> None:
    """Record the initializers that left the model, ascending."""
    if left:
        metadata.write(model, {tags.EMBEDDED: json.dumps([*map(astuple, left)], ensure_ascii=False)})


def renamed_info(info: ValueInfoProto, name: str) -> ValueInfoProto:
    """Return a copy of a stated type under another name."""
    copy = ValueInfoProto()
    copy.CopyFrom(info)
    copy.name = name
    return copy
