"""Types to declare the JSON of results: a `TypedDict` per object, with keywords for its values.

`views.schemas` generates the schemas from the types that are declared in this way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypedDict

JsonObject = Mapping[str, object]
"""A JSON object of any kind."""


class Keywords:
    """Constraints on a value besides its type, as keywords of JSON Schema (`minimum=0`)."""

    def __init__(self, **keywords: object) -> None:
        self.keywords = keywords


@dataclass(frozen=True)
class Title:
    """Title and description of a result that has several forms."""

    title: str
    description: str


@dataclass(frozen=True)
class FieldsOf:
    """Dataclass with the fields of an object; `int` fields are counts."""

    kind: type


Count = Annotated[int, Keywords(minimum=0)]
Index = Annotated[int, Keywords(minimum=-1)]
Positive = Annotated[int, Keywords(minimum=1)]
Amount = Annotated[float, Keywords(minimum=0)]
Fraction = Annotated[float, Keywords(minimum=0, maximum=1)]

ClassJson = TypedDict("ClassJson", {"class": str})  # functional syntax: `class` is a keyword of Python
"""An object with a class."""
ClassOrNullJson = TypedDict("ClassOrNullJson", {"class": str | None})
"""An object with a class that may be unknown."""
