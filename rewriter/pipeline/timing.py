"""Measures the time of a model, module by module."""

from __future__ import annotations

from pathlib import Path

from rewriter.errors import UsageError
from rewriter.evidence.side_inputs import NOTHING, Given
from rewriter.insight.profile import Profile, profile_of, read_recorded
from rewriter.insight.profile import profile as profile_model
from rewriter.model.storage import external_data
from rewriter.modules.selection import EVERYTHING, Selection
from rewriter.pipeline.loader import Inputs, Progress, Source, name_of, read_and_load
from rewriter.verdict.numbers import fitting


def profile(
    source: Source,
    *,
    recorded: Path | None = None,
    inputs: Inputs | None = None,
    rounds: int = 20,
    warmup: int = 3,
    threads: int = 0,
    timeout: float = 600.0,
    given: Given = NOTHING,
    selection: Selection = EVERYTHING,
    progress: Progress = lambda station: None,
) -> Profile:
    """Measure the time of a model by module, or read it from a `recorded` profile of onnxruntime.

    `profile` and `profile_of` in `insight.profile` describe the arguments.

    Raises:
        UnreadableModel: the model, external data it refers to, or the profile cannot be read.
        UsageError: the model cannot be run on these inputs, `rounds` is below 1, `warmup` is below 0, a
            recorded profile comes with inputs, or the selection of modules to show matches nothing.
    """
    if rounds < 1 or warmup < 0:
        raise UsageError(f"cannot measure {rounds} rounds after {warmup} warm-up runs: give at least 1 and 0")
    if recorded is not None and inputs is not None:
        raise UsageError("with a recorded profile the model does not run; leave out the inputs")
    progress("load")
    model, analysis = read_and_load(source, given)
    path = analysis.path
    if path:
        external_data.check_external_data(model, path)
    selection.modules(analysis)  # fails before the model runs
    progress("runs")
    if recorded is not None:
        found = profile_of(analysis, model, read_recorded(recorded), timeout=timeout)
    else:
        found = profile_model(
            analysis,
            inputs=None if inputs is None else fitting(model, inputs),
            rounds=rounds,
            warmup=warmup,
            threads=threads,
            timeout=timeout,
        )
    if found.skipped is not None:
        mend = "; --inputs runs the model on your own arrays" if inputs is None else ""
        raise UsageError(f"{name_of(path)}: {found.skipped}{mend}")
    return found
