"""The words that options take as values."""

from __future__ import annotations

from enum import StrEnum


class Functions(StrEnum):
    """Functions that a rewrite makes."""

    NONE = "none"
    """None: annotate only."""
    CALL = "call"
    """One for every call of a module."""
    SHARED = "shared"
    """One for every distinct body."""


class What(StrEnum):
    """What has the names that are selected."""

    NODES = "nodes"
    VALUES = "values"
    INITIALIZERS = "initializers"


class Measure(StrEnum):
    """What the size of a module is."""

    NODES = "nodes"
    PARAMETERS = "parameters"
    BYTES = "bytes"
    FLOPS = "flops"


MEASURES = ("parameters", "nodes", "flops", "time")
"""What the sizes of modules in a report can be."""
LINES = "lines"
TRT = "trt"
FORMS = (LINES, "json", "python", "ort-quant", "nncf", TRT)
"""The forms in which names of a selection are printed."""
ORT_LAYERS = "ort-layers"
"""The form that places modules on devices."""
ENGINES = "local, dask://host:port, ray or ray://host:port"
"""The engines of a batch."""
TOLERANCE = 1e-4
"""How far a value may be off, relative to its largest magnitude, and still count as equal."""
