"""Measures a model in half precision."""

from __future__ import annotations

from rewriter.basics.literals import HalfWord
from rewriter.errors import UsageError
from rewriter.evidence.side_inputs import NOTHING, Given
from rewriter.insight.half_precision.module_precision import FOUND_NOTHING, Precision, half_precision
from rewriter.model.storage import external_data
from rewriter.modules.selection import EVERYTHING, Selection
from rewriter.options.words import HALF_TOLERANCE
from rewriter.pipeline.loader import Inputs, Progress, Source, name_of, read_and_load
from rewriter.verdict.numbers import fitting


def precision(
    source: Source,
    to: HalfWord = "fp16",
    *,
    inputs: Inputs | None = None,
    tolerance: float = HALF_TOLERANCE,
    timeout: float = 600.0,
    given: Given = NOTHING,
    selection: Selection = EVERYTHING,
    progress: Progress = lambda station: None,
) -> Precision:
    """Find the modules to keep in float32; see `insight.half_precision`.

    Raises:
        UnreadableModel: the model, or external data it refers to, cannot be read.
        UsageError: the model cannot be run on these inputs, or the selection of modules to show matches
            nothing.
    """
    progress("load")
    model, analysis = read_and_load(source, given)
    if analysis.path:
        external_data.check_external_data(model, analysis.path)
    selection.modules(analysis)  # fails before the model runs
    progress("runs")
    arrays = None if inputs is None else fitting(model, inputs)
    found = half_precision(analysis, to, inputs=arrays, tolerance=tolerance, timeout=timeout)
    if found.skipped is not None:
        other = inputs is None and found.skipped != FOUND_NOTHING
        mend = "; --inputs runs the model on your own arrays" if other else ""
        raise UsageError(f"{name_of(analysis.path)}: {found.skipped}{mend}")
    return found
