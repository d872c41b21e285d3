"""Edits one random field of a protobuf message: sets, clears, replaces, repeats, drops or moves a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_INTEGERS = (0, 1, 2, 3, -1, 4, 7, 10, 13, 17, 256, 300, 2**31 - 1)
_FLOATS = (0.0, 1.0, -1.0, 0.5, 2.0, float("nan"), float("inf"))
_MOST_BYTES = 64
"""Number of bytes at the beginning of a bytes field that may be flipped."""

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """Message in a model, with its path: the names of the fields that lead to it."""

    message: Message
    path: Path


def sites(message: Message, path: Path = ()) -> Iterator[Site]:
    """Yield a message and all messages inside it."""
    yield Site(message, path)
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for each in value if field.is_repeated else [value]:
                yield from sites(each, (*path, field.name))


class Editor:
    """Editor of messages of one model; it often writes values that occur elsewhere in the model."""

    def __init__(self, model: Message) -> None:
        self._known: dict[tuple[str, str], list[Any]] = {}
        self._texts: list[Any] = []
        for site in sites(model):
            for field, value in site.message.ListFields():
                if field.type != FieldDescriptor.TYPE_MESSAGE:
                    values = list(value) if field.is_repeated else [value]
                    self._known.setdefault((site.message.DESCRIPTOR.name, field.name), []).extend(values)
                    if field.type == FieldDescriptor.TYPE_STRING:
                        self._texts.extend(values)

    def edit(self, model: Message, rng: Random) -> str:
        """Edit one field of one message in place; return a description of the edit."""
        found = list(sites(model))
        kinds = sorted({site.path for site in found})
        kind = rng.choice(kinds)  # each kind of message is equally likely, however many messages it has
        site = rng.choice([site for site in found if site.path == kind])
        fields: list[Any] = list(site.message.DESCRIPTOR.fields)
        there = [field for field, _ in site.message.ListFields()]
        field = rng.choice(there) if there and rng.random() < 0.7 else rng.choice(fields)
        how = self._repeated(site, field, rng) if field.is_repeated else self._single(site, field, rng)
        return f"{'.'.join((*site.path, field.name))} {how}"

    def _single(self, site: Site, field: FieldDescriptor, rng: Random) -> str:
        message = site.message
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            if message.HasField(field.name):
                message.ClearField(field.name)
                return "cleared"
            getattr(message, field.name).SetInParent()
            return "made empty"
        if message.HasField(field.name) and rng.random() < 0.2:
            message.ClearField(field.name)
            return "cleared"
        setattr(message, field.name, self._other(site, field, getattr(message, field.name), rng))
        return "set"

    def _repeated(self, site: Site, field: FieldDescriptor, rng: Random) -> str:
        values = getattr(site.message, field.name)
        how = rng.choice(("drop", "repeat", "swap", "change", "add") if values else ("add",))
        position = rng.randrange(len(values)) if values else 0
        match how:
            case "drop":
                del values[position]
            case "repeat":
                values.append(values[position])
            case "swap":
                order = list(values)
                other = rng.randrange(len(order))
                order[position], order[other] = order[other], order[position]
                copies = [_copied(each) for each in order]
                del values[:]
                values.extend(copies)
            case "add":
                values.add() if field.message_type else values.append(self._other(site, field, None, rng))
            case "change" if not field.message_type:
                values[position] = self._other(site, field, values[position], rng)
            case _:
                return self._repeated_message(values[position], site, field, rng)
        return how

    def _repeated_message(self, message: Message, site: Site, field: FieldDescriptor, rng: Random) -> str:
        fields: list[Any] = list(message.DESCRIPTOR.fields)
        inner = rng.choice(fields)
        place = Site(message, (*site.path, field.name))
        how = self._repeated(place, inner, rng) if inner.is_repeated else self._single(place, inner, rng)
        return f"{inner.name} {how}"

    def _other(self, site: Site, field: FieldDescriptor, value: Any, rng: Random) -> Any:
        """Return another value for a field: one from elsewhere, a neighbouring one, or an odd one."""
        known = self._known.get((site.message.DESCRIPTOR.name, field.name), [])
        if known and rng.random() < 0.5:
            return rng.choice(known)
        match field.type:
            case FieldDescriptor.TYPE_STRING:
                return rng.choice([*self._texts, "", "new", "ai.onnx", "If", "Loop"])
            case FieldDescriptor.TYPE_BYTES:
                return _other_bytes(value or b"", rng)
            case FieldDescriptor.TYPE_FLOAT | FieldDescriptor.TYPE_DOUBLE:
                return rng.choice(_FLOATS)
            case FieldDescriptor.TYPE_ENUM:
                kinds: Any = field.enum_type
                return rng.choice([each.number for each in kinds.values])
        step = rng.choice((1, -1)) + (value or 0)
        number = step if rng.random() < 0.5 else rng.choice(_INTEGERS)
        return abs(number) if field.type == FieldDescriptor.TYPE_UINT64 else min(number, 2**31 - 1)


def _copied(value: Any) -> Any:
    if not isinstance(value, Message):
        return value
    copy = type(value)()
    copy.CopyFrom(value)
    return copy


def _other_bytes(value: bytes, rng: Random) -> bytes:
    if not value or rng.random() < 0.2:
        return value[:-1] if value and rng.random() < 0.5 else value + b"\x01"
    position = rng.randrange(min(len(value), _MOST_BYTES))
    return value[:position] + bytes([value[position] ^ (1 << rng.randrange(8))]) + value[position + 1 :]
