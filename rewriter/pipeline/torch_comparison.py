"""Compares an ONNX model with the torch module that it was exported from. This module imports torch."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rewriter.errors import UsageError
from rewriter.evidence.trace.module_run import ModuleRun
from rewriter.evidence.trace.recorder import inputs_from
from rewriter.evidence.trace.recording import Trace
from rewriter.evidence.trace.sample_inputs import drawn, feeds_of
from rewriter.evidence.trace.value_recorder import run_module
from rewriter.insight.comparison.module_diff import Diff
from rewriter.insight.comparison.module_numbers import diff_with_run
from rewriter.model.storage import external_data
from rewriter.modules.analysis import Analysis
from rewriter.modules.selection import EVERYTHING, Selection
from rewriter.options.words import TOLERANCE
from rewriter.pipeline.loader import Inputs, Progress, Source, load
from rewriter.runtime.child.job import SCRATCH
from rewriter.runtime.inputs.feeds import Array
from rewriter.verdict.numbers import fitting

if TYPE_CHECKING:
    from torch.nn import Module as TorchModule

Feeds = dict[str, Array]


def diff_with_module(
    source: Source,
    module: TorchModule,
    samples: tuple[Any] | None,
    *,
    name: str,
    inputs: Inputs | None = None,
    tolerance: float = TOLERANCE,
    timeout: float = 600.0,
    selection: Selection = EVERYTHING,
    progress: Progress = lambda station: None,
) -> Diff:
    """Compare the numbers of a model with those of its torch module, module by module. The module is exact.

    Args:
        source: the model.
        module: the module, with the weights of the model.
        samples: inputs of the module, as a tuple of one; None if there are none.
        name: name of the module in messages.
        inputs: input of the model -> array, used instead of `samples`. Without both, inputs are drawn.
        tolerance: the largest relative deviation of values that count as equal.
        timeout: seconds for the run of the model.
        selection: the modules to show.
        progress: is told each step.

    Raises:
        UnreadableModel: the model, or external data it refers to, cannot be read.
        UsageError: the inputs do not fit the model, the module does not run on them, or the selection matches
            nothing.
    """
    progress("load")
    analysis = load(source)
    if analysis.path:
        external_data.check_external_data(analysis.model, analysis.path)
    selection.modules(analysis)  # before any model runs
    progress("numbers")
    given = None if inputs is None else fitting(analysis.model, inputs)
    with TemporaryDirectory(prefix=SCRATCH) as folder:
        run, feeds = _run(analysis, module, samples, given, Path(folder), name)
        return diff_with_run(run, analysis, feeds=feeds, tolerance=tolerance, timeout=timeout)


def _run(
    analysis: Analysis,
    module: TorchModule,
    samples: tuple[Any] | None,
    given: Feeds | None,
    folder: Path,
    name: str,
) -> tuple[ModuleRun, Feeds]:
    """Run the module, and return the same inputs for the model."""
    if samples is not None and given is None:
        run = run_module(module, samples[0], folder, name)
        return run, feeds_of(analysis.model, Trace((), run.inputs), name)
    failure = UsageError(f"{name}: no inputs can be drawn for this file; give --inputs")
    for number, feeds in enumerate([given] if given is not None else drawn(analysis.model, name)):
        below = folder / str(number)
        below.mkdir()
        try:
            return run_module(module, inputs_from(module, feeds), below, name), feeds
        except UsageError as error:
            failure = error if given is not None else UsageError(f"{error}; they were drawn, give --inputs")
    raise failure
