"""Typed access to the fields of a JSON object from an untrusted file."""

from __future__ import annotations

from typing import NoReturn, TypeGuard

from rewriter.errors import UnreadableModel


class JsonFields:
    """JSON object with typed access to its fields.

    Args:
        value: the object, as the parser returned it.
        where: name of the object in errors.

    Raises:
        UnreadableModel: the object or a field has another type; raised by the constructor, and by each method
            that returns a field of one type.
    """

    __slots__ = ("_values", "_where")

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise UnreadableModel(f"{where}: not a JSON object; write the sidecar again from its model")
        self._values: dict[str, object] = value
        self._where = where

    def get(self, key: str) -> object:
        """Return a field of any type; None if missing."""
        return self._values.get(key)

    def text(self, key: str) -> str:
        """Return a string."""
        value = self._values.get(key)
        return value if isinstance(value, str) else self._fail(key, "text")

    def text_or_none(self, key: str) -> str | None:
        """Return a string; None if the field is null or missing."""
        return None if self._values.get(key) is None else self.text(key)

    def flag(self, key: str) -> bool:
        """Return a boolean."""
        value = self._values.get(key)
        return value if isinstance(value, bool) else self._fail(key, "true or false")

    def count(self, key: str) -> int:
        """Return an integer that is not negative."""
        value = self._values.get(key)
        return value if _is_count(value) else self._fail(key, "a count")

    def integer(self, key: str) -> int:
        """Return an integer, which may be negative."""
        value = self._values.get(key)
        return value if _is_integer(value) else self._fail(key, "an integer")

    def integers(self, key: str) -> dict[str, int]:
        """Return an object whose values are integers."""
        value = self._values.get(key)
        if isinstance(value, dict) and all(_is_integer(number) for number in value.values()):
            return value
        return self._fail(key, "an object of integers")

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of strings."""
        value = self._values.get(key)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        return self._fail(key, "a list of texts")

    def column(self, key: str, rows: int | None = None, least: int = 0, end: int | None = None) -> list[int]:
        """Return a list of integers from `least` up to but not including `end`; `rows` is its length."""
        value = self._values.get(key)
        if not isinstance(value, list) or not all(type(each) is int for each in value):
            return self._fail(key, "a list of integers")
        if rows not in (None, len(value)):
            raise self.fault(f"{key} has {len(value)} entries where {rows} are expected")
        if value and (min(value) < least or (end is not None and max(value) >= end)):
            raise self.fault(f"{key} refers to an entry that is not there")
        return value

    def by_row(self, key: str, rows: int) -> dict[int, object]:
        """Return an object whose keys are numbers of rows."""
        value = self._values.get(key)
        if not isinstance(value, dict):
            return self._fail(key, "an object")
        if not all(row.isascii() and row.isdigit() and len(row) < 16 and int(row) < rows for row in value):
            raise self.fault(f"{key} refers to a row that is not there")
        return {int(row): content for row, content in value.items()}

    def shape(self, key: str) -> tuple[int, ...]:
        """Return a list of integers that are not negative."""
        value = self._values.get(key)
        if isinstance(value, list) and all(_is_count(item) for item in value):
            return tuple(value)
        return self._fail(key, "a list of counts")

    def object(self, key: str) -> JsonFields:
        """Return an object."""
        return JsonFields(self._values.get(key), f"{self._where}: {key}")

    def objects(self, key: str) -> list[JsonFields]:
        """Return a list of objects."""
        value = self._values.get(key)
        if not isinstance(value, list):
            return self._fail(key, "a list")
        return [JsonFields(item, f"{self._where}: {key}[{number}]") for number, item in enumerate(value)]

    def _fail(self, key: str, wanted: str) -> NoReturn:
        raise self.fault(f"{key} is not {wanted}")

    def fault(self, what: str) -> UnreadableModel:
        """Make the error that `what` is wrong with this object."""
        return UnreadableModel(f"{self._where}: {what}; write the sidecar again from its model")


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: object) -> TypeGuard[int]:
    return _is_integer(value) and value >= 0
