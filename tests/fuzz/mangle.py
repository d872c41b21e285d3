"""Edits of any protobuf message, as the choices say: what a hostile or broken file may hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tests.fuzz.choices import Choices

_INTEGERS = (0, 1, -1, 2, 7, 16, 127, 2**31 - 1, -(2**31))
_FLOATS = (0.0, -0.0, 1.0, float("nan"), float("inf"), 1e38)
_BYTES = (b"", b"\x00", b"\xff\xfe", b"NOTSET", bytes(range(16)))


def messages(message: Message) -> Iterator[Message]:
    """A message and all in it."""
    waiting = [message]
    while waiting:
        found = waiting.pop()
        yield found
        for field, value in found.ListFields():
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                waiting.extend(value if field.is_repeated else [value])


def texts(message: Message) -> list[str]:
    """All texts in a message."""
    found: list[str] = []
    for inner in messages(message):
        for field, value in inner.ListFields():
            if field.type == FieldDescriptor.TYPE_STRING:
                found += value if field.is_repeated else [value]
    return list(dict.fromkeys(found))


def mangle(message: Message, choices: Choices, most: int = 8) -> None:
    """Edit a message in place, while bytes are left."""
    known = texts(message) or [""]
    for _ in range(most):
        if not choices.left:
            return
        inner = choices.pick(list(messages(message)))
        fields: list[Any] = list(inner.DESCRIPTOR.fields)
        present: list[Any] = [field for field, _ in inner.ListFields()]
        field = choices.pick(present if present and choices.number(4) else fields)
        if field.is_repeated:
            _repeated(inner, field, choices, known)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            if choices.number(4):
                mangle(getattr(inner, field.name), choices, 1)
            else:
                inner.ClearField(field.name)
        elif choices.number(8):
            setattr(inner, field.name, _value(field, choices, known))
        else:
            inner.ClearField(field.name)


def _repeated(inner: Message, field: Any, choices: Choices, known: list[str]) -> None:
    values = getattr(inner, field.name)
    count = len(values)
    act = choices.number(5)
    if act == 0 and count:
        del values[choices.number(count)]
    elif act == 1 and count > 1:
        _swap(values, field, choices.number(count), choices.number(count))
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        made = values.add()
        if count and act < 4:
            made.CopyFrom(values[choices.number(count)])
        mangle(made, choices, 1)
    elif act == 2 and count:
        values[choices.number(count)] = _value(field, choices, known)
    else:
        values.append(_value(field, choices, known))


def _swap(values: Any, field: Any, left: int, right: int) -> None:
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        values[left], values[right] = values[right], values[left]
        return
    copies = [type(values[each])() for each in (left, right)]
    for copy, each in zip(copies, (left, right), strict=True):
        copy.CopyFrom(values[each])
    values[left].CopyFrom(copies[1])
    values[right].CopyFrom(copies[0])


def _value(field: Any, choices: Choices, known: list[str]) -> Any:
    if field.type == FieldDescriptor.TYPE_STRING:
        return choices.text(known)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return choices.pick(_BYTES)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return choices.pick([value.number for value in field.enum_type.values])
    if field.cpp_type in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return choices.pick(_FLOATS)
    number = choices.pick(_INTEGERS)
    unsigned = field.cpp_type in (FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64)
    return abs(number) if unsigned else number
