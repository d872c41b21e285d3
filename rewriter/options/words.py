"""The words that options take as values."""

from __future__ import annotations

from enum import StrEnum
from typing import get_args

from rewriter.basics.literals import FormWord, MeasureWord


class Functions(StrEnum):
    """Functions that a rewrite makes."""

    NONE = "none"
    """None: annotate only."""
    CALL = "call"
    """One for each call of a module."""
    SHARED = "shared"
    """One for each distinct body."""


class NamedKind(StrEnum):
    """The kinds of names that a selection prints."""

    NODES = "nodes"
    VALUES = "values"
    INITIALIZERS = "initializers"


class Measure(StrEnum):
    """The figure that the size of a module shows."""

    NODES = "nodes"
    PARAMETERS = "parameters"
    BYTES = "bytes"
    FLOPS = "flops"


MEASURES: tuple[str, ...] = tuple(word for word in get_args(MeasureWord) if word)
"""The figures that module sizes in a report can show."""
LINES = "lines"
TRT = "trt"
FORMS: tuple[str, ...] = get_args(FormWord)
"""The forms in which names of a selection are printed."""
ORT_LAYERS = "ort-layers"
"""The form that places modules on devices."""
ENGINES = "local, dask://host:port, ray or ray://host:port"
"""The engines of a batch."""
TOLERANCE = 1e-4
"""The largest deviation, relative to a value's largest magnitude, that counts as equal."""
