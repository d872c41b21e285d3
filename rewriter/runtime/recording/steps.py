"""Steps of a run, without an import of onnx."""

from __future__ import annotations

from typing import Any

import numpy as np

from rewriter.runtime.inputs.feeds import Array

Step = tuple[int, ...]
"""Number of the input set, then the number of the iteration in each Loop and Scan, the outermost first."""


def unpacked(forms: Array, elements: Array | None, number: int, loops: int) -> list[tuple[Step, Any]]:
    """Return the recordings of one input set, each with its step: arrays, or shapes without `elements`.

    Args:
        forms: the forms of all recordings.
        elements: their elements; None if these were not recorded.
        number: the number of the input set.
        loops: number of Loops and Scans around the value.
    """
    found: list[tuple[Step, Any]] = []
    at = start = 0
    while at < len(forms):
        rank = int(forms[at])
        step = tuple(map(int, forms[at + 1 : at + 1 + loops]))
        at += 1 + loops
        shape = tuple(map(int, forms[at : at + rank]))
        at += rank
        size = int(np.prod(shape, dtype=np.int64))
        array = shape if elements is None else elements[start : start + size].reshape(shape)
        start += size
        found.append(((number, *step), array))
    return found
