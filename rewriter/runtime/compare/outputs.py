"""Runs two models on the same inputs in a child process, and compares their outputs."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic

import onnx

from rewriter.errors import NoScratch
from rewriter.model.interface_match import counterparts
from rewriter.model.operator_set.determinism import may_draw
from rewriter.runtime.child.call import Task, run
from rewriter.runtime.child.error_text import one_line, signal_text
from rewriter.runtime.child.job import Cause, Ended
from rewriter.runtime.compare.outcome import RunOutcome, RunRequest, Stage
from rewriter.runtime.compare.tolerance import Tolerance
from rewriter.runtime.inputs.feeds import LOOPED, Drawing
from rewriter.runtime.inputs.input import Rounds
from rewriter.runtime.inputs.signature import required_inputs

TASK: Task[RunOutcome] = Task("rewriter.runtime.compare.output_task:compare_outputs")


def compare_runs(
    models: Mapping[Stage, onnx.ModelProto],
    folders: Mapping[Stage, Path | None],
    drawing: Drawing,
    *,
    optimised: bool,
    timeout: float,
    tolerance: Tolerance | None = None,
    added: Sequence[str] = (),
) -> RunOutcome:
    """Run the original and the rewritten model on the same input sets in a child process and compare.

    Args:
        models: both models; external weights stay in their files.
        folders: the folders of these files.
        drawing: the given arrays, or the rules to draw the input sets of the original.
        optimised: whether onnxruntime optimises the graphs; if not, equal models agree bit for bit.
        timeout: seconds for the child process; after a quarter of them, the search for inputs tries only one
            choice of sizes per set. If the process ends in an extra set for Loops, a second one gets the
            seconds that are left.
        tolerance: the allowed deviation of results; without one, deviations are not judged.
        added: outputs that only the rewritten model has; they are not compared.

    Returns:
        The result. A crash, a timeout or a failure of a model is part of it, not raised.
    """
    drawing = replace(drawing, draws=may_draw(models[Stage.FIRST]))
    names = _other_names(models.get(Stage.SECOND), drawing)
    end = monotonic() + timeout
    try:
        for rounds in (drawing.plan.rounds, Rounds()):
            drawing = replace(drawing, plan=replace(drawing.plan, rounds=rounds))
            request = RunRequest(drawing, optimised, tolerance, names, frozenset(added))
            found = run(TASK, request, models, folders=folders, timeout=timeout)
            timeout = end - monotonic()
            # Runs with 0 and 1 Loop iterations are optional: if the child dies in one, repeat without them.
            if not isinstance(found, Ended) or found.stage != LOOPED or timeout <= 0:
                break
    except NoScratch as error:
        return RunOutcome(skipped=one_line(f"onnxruntime was not run: {error}"))
    return outcome_of(found) if isinstance(found, Ended) else found


def _other_names(second: onnx.ModelProto | None, drawing: Drawing) -> dict[str, str]:
    """Map names of inputs of the original to those of the second model, where they differ.

    Inputs are matched by name, the others in order. The map is empty if the models have different numbers of
    inputs.
    """
    inputs = [each.name for each in drawing.plan.inputs]
    theirs = [] if second is None else [info.name for info in required_inputs(second)]
    if len(inputs) != len(theirs):
        return {}
    others = [theirs[at] for at in counterparts(inputs, theirs)]
    return {ours: other for ours, other in zip(inputs, others, strict=True) if ours != other}


def outcome_of(ended: Ended) -> RunOutcome:
    """Return the outcome for a child that ended without one.

    It is an error if the rewritten model crashed onnxruntime by a signal other than SIGKILL; otherwise, the
    comparison counts as skipped.
    """
    model = f"the {ended.stage} model" if ended.stage else "onnxruntime"
    if ended.cause is Cause.LIMIT:
        return RunOutcome(skipped=f"{model} {ended.how}")
    if not ended.signal or not ended.stage:
        return RunOutcome(skipped=ended.how)
    reason = f"{model} crashed onnxruntime ({signal_text(ended.signal)})"
    # The system sends SIGKILL when memory runs out; that is no evidence against the model.
    if ended.stage == Stage.SECOND and ended.signal != signal.SIGKILL:
        return RunOutcome(error=reason)
    return RunOutcome(skipped=reason)
