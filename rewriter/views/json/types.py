"""Types that declare the JSON of results: a `TypedDict` for each object, with keywords for its values.

A view declares what it writes beside the function that writes it; `views.schemas` makes the schemas of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypedDict

JsonObject = Mapping[str, object]
"""A JSON object of any kind."""


class Keywords:
    """Demands on a value besides its type, as keywords of JSON Schema (`minimum=0`)."""

    def __init__(self, **keywords: object) -> None:
        self.keywords = keywords


@dataclass(frozen=True)
class Title:
    """The title and the description of a result that has several forms."""

    title: str
    description: str


@dataclass(frozen=True)
class FieldsOf:
    """The dataclass whose fields an object has; its whole numbers are counts."""

    kind: type


Count = Annotated[int, Keywords(minimum=0)]
Positive = Annotated[int, Keywords(minimum=1)]
Amount = Annotated[float, Keywords(minimum=0)]
Fraction = Annotated[float, Keywords(minimum=0, maximum=1)]

ClassJson = TypedDict("ClassJson", {"class": str})  # the key is a word of Python
"""An object with a class."""
ClassOrNullJson = TypedDict("ClassOrNullJson", {"class": str | None})
"""An object with a class that may be unknown."""
