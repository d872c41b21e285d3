"""Measures a model in half precision, in a child process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx

from rewriter.runtime.child.call import Task, run
from rewriter.runtime.child.job import Ended
from rewriter.runtime.inputs.feeds import Drawing
from rewriter.runtime.rounding.ranges import HalfType, ValueRange

MODEL = "model"
"""The name of the model that is sent."""


@dataclass(frozen=True, slots=True)
class RoundingRequest:
    """Request to measure a model.

    Attributes:
        drawing: rules of the input sets.
        half: the type of half precision.
        modules: the nodes of the main graph by module; modules stand for their numbers in this tuple.
        fixed: nodes that stay in float32 in any case.
        tolerance: the largest relative error of the outputs.
    """

    drawing: Drawing
    half: HalfType
    modules: tuple[tuple[int, ...], ...]
    fixed: frozenset[int]
    tolerance: float


@dataclass(frozen=True, slots=True)
class RoundingRun:
    """Result.

    Attributes:
        runs: number of input sets.
        ranges: for each module, the range of all that its nodes read and write, weights included.
        worst: for each module, the value with the largest magnitude.
        errors: for each module, the largest relative error of its results if it alone is rounded; None if
            none was measured.
        overflows: the modules that read or write a number beyond the range.
        kept: the modules to keep in float32, most important first; they include `overflows`.
        error: the largest relative error of an output if all modules are rounded.
        error_kept: the same if the `kept` modules are not; None if no module is kept.
        unmeasured: the reason why errors of some modules are not known; None if no run failed.
    """

    runs: int
    ranges: tuple[ValueRange, ...]
    worst: tuple[str, ...]
    errors: tuple[float | None, ...]
    overflows: tuple[int, ...]
    kept: tuple[int, ...]
    error: float
    error_kept: float | None
    unmeasured: str | None = None


TASK: Task[RoundingRun] = Task("rewriter.runtime.rounding.task:measure")


def measure_rounding(
    model: onnx.ModelProto, folder: Path | None, request: RoundingRequest, *, timeout: float
) -> RoundingRun | Ended:
    """Run a model in float32 and rounded; a crash or a timeout is part of the result, not raised.

    Args:
        model: the model; external weights stay in their files.
        folder: the folder of these files.
        request: what to measure.
        timeout: seconds for everything.
    """
    models: Mapping[str, onnx.ModelProto] = {MODEL: model}
    return run(TASK, request, models, folders={MODEL: folder}, timeout=timeout)
