"""Words that options take as values, and defaults."""

from __future__ import annotations

from enum import StrEnum
from typing import get_args

from rewriter.basics.literals import FormWord, MeasureWord


class Functions(StrEnum):
    """The kinds of functions that a rewrite makes."""

    NONE = "none"
    """No functions."""
    CALL = "call"
    """One function per call of a module."""
    SHARED = "shared"
    """One function per distinct body."""


class NamedKind(StrEnum):
    """The kinds of names that `select` prints."""

    NODES = "nodes"
    VALUES = "values"
    INITIALIZERS = "initializers"
    INPUTS = "inputs"
    OUTPUTS = "outputs"


class Measure(StrEnum):
    """The figures that the size of a module can show."""

    NODES = "nodes"
    PARAMETERS = "parameters"
    BYTES = "bytes"
    FLOPS = "flops"


MEASURES: tuple[str, ...] = tuple(word for word in get_args(MeasureWord) if word)
"""The figures that module sizes can show in a report."""
LINES = "lines"
TRT = "trt"
FORMS: tuple[str, ...] = get_args(FormWord)
"""The forms of `select` that print names."""
ORT_LAYERS = "ort-layers"
"""The form of `select` that places modules on devices."""
ENGINES = "local, dask://host:port, ray or ray://host:port"
"""The engines of a batch, as text for messages."""
TOLERANCE = 1e-4
"""Default of the largest deviation that counts as equal, relative to the magnitude in the first model."""
HALF_TOLERANCE = 1e-2
"""Default of the largest relative error of outputs in half precision."""
