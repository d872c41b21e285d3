"""The words that options take as values."""

from __future__ import annotations

from enum import StrEnum


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


MEASURES = ("parameters", "nodes", "flops", "time")
"""The figures that module sizes in a report can show."""
LINES = "lines"
TRT = "trt"
FORMS = (LINES, "json", "python", "ort-quant", "nncf", TRT)
"""The forms in which names of a selection are printed."""
ORT_LAYERS = "ort-layers"
"""The form that places modules on devices."""
ENGINES = "local, dask://host:port, ray or ray://host:port"
"""The engines of a batch."""
TOLERANCE = 1e-4
"""The largest deviation, relative to a value's largest magnitude, that counts as equal."""
