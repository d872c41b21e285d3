"""Writes and reads the tables of names in a compact sidecar.

A name is a scope, a stem and a number: `/m/layers.0/Add_1` is the scope `/m/layers.0/`, the stem `Add_` and
the number 1. Scopes and stems are in tables, each once. The values of a node mostly have the name of the node
with an ending: `/m/layers.0/Add_1_output_0`; such a name has the scope `AFTER_NODE`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypedDict

from rewriter.model.limits import current
from rewriter.views.json.types import Count, Index
from rewriter.views.sidecar.checked_fields import JsonFields

NONE: Final = -1
"""Entry of a column for a row without one."""
AFTER_NODE: Final = -1
"""Scope of a value whose name is that of its node, with an ending."""
_DIGITS = "0123456789"
_LONGEST = 15
"""Maximum digits of a number: JSON readers keep integers of this length exactly."""


class ModulesNamesJson(TypedDict):
    """Names, one for each row.

    Attributes:
        scope: Position in `scopes` of the beginning of the name; -1 for the name of a value that begins with
            the whole name of its node.
        stem: Position in `stems` of the text after that.
        number: Number at the end of the name; -1 without one.
    """

    scope: Sequence[Index]
    stem: Sequence[Count]
    number: Sequence[Index]


class DistinctTexts:
    """Distinct texts in the order of their first use."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    @property
    def texts(self) -> list[str]:
        """The texts."""
        return list(self._places)

    def place(self, text: str) -> int:
        """Return the position of a text, added if new."""
        return self._places.setdefault(text, len(self._places))


class NameColumns:
    """Columns of names that are being written.

    Args:
        scopes: the table of scopes.
        stems: the table of stems.
    """

    def __init__(self, scopes: DistinctTexts, stems: DistinctTexts) -> None:
        self._scopes, self._stems = scopes, stems
        self._scope: list[int] = []
        self._stem: list[int] = []
        self._number: list[int] = []
        self._ends: dict[str, tuple[int, int]] = {}

    def columns(self) -> ModulesNamesJson:
        """Return the columns of all added names."""
        return {"scope": self._scope, "stem": self._stem, "number": self._number}

    def add(self, name: str, node: str = "") -> None:
        """Add a name; that of a value may begin with the name of its `node`."""
        if node and name.startswith(node):
            self._scope.append(AFTER_NODE)
            rest = name[len(node) :]
        else:
            start = name.rfind("/") + 1
            self._scope.append(self._scopes.place(name[:start]))
            rest = name[start:]
        if (end := self._ends.get(rest)) is None:  # the names of a file have few different ends
            end = self._ends[rest] = self._split(rest)
        self._stem.append(end[0])
        self._number.append(end[1])

    def _split(self, rest: str) -> tuple[int, int]:
        """Return the position of the stem of a name without scope, and the number at its end or NONE."""
        stem = rest.rstrip(_DIGITS)
        digits = rest[len(stem) :]
        exact = digits == "0" or (digits and digits[0] != "0" and len(digits) <= _LONGEST)
        return self._stems.place(stem if exact else rest), int(digits) if exact else NONE


class WrittenOut:
    """Count of the characters of paths and names that a sidecar stands for, since few bytes may be many."""

    def __init__(self) -> None:
        self.characters = 0

    def add(self, text: str) -> None:
        """Add a path or name.

        Raises:
            UnreadableModel: the total is too large.
        """
        self.characters += len(text)
        if self.characters > current().paths:
            current().demand("paths", self.characters, "written out, the names in the sidecar are too long")


class NamesReader:
    """Reader of columns of names.

    Args:
        top: the whole sidecar, with the tables.
        extent: the count to which the names are added.
    """

    def __init__(self, top: JsonFields, extent: WrittenOut) -> None:
        self._scopes, self._stems = top.texts("scopes"), top.texts("stems")
        self._extent = extent

    def rows(self, columns: JsonFields, rows: int, nodes: Sequence[str] = ()) -> Iterator[str]:
        """Yield the names of columns.

        Args:
            columns: the columns.
            rows: their length.
            nodes: for names of values, the name of each one's node.

        Raises:
            UnreadableModel: a column has another length or refers to a text that is not there, or the names
                are too long, since a short text may stand for many.
        """
        least = AFTER_NODE if nodes else 0
        scope = columns.column("scope", rows, least, len(self._scopes))
        stem = columns.column("stem", rows, 0, len(self._stems))
        number = columns.column("number", rows, NONE)
        for row in range(rows):
            before = nodes[row] if scope[row] == AFTER_NODE else self._scopes[scope[row]]
            name = f"{before}{self._stems[stem[row]]}{'' if number[row] == NONE else number[row]}"
            self._extent.add(name)
            yield name
