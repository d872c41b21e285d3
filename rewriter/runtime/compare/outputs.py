"""Runs two models on the same inputs in a child process, and compares their outputs."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import onnx

from rewriter.model.operator_set.purity import may_draw
from rewriter.refusals import NoScratch
from rewriter.runtime.child.call import Task, run
from rewriter.runtime.child.job import Cause, Ended
from rewriter.runtime.child.words import one_line, signal_text
from rewriter.runtime.compare.difference import Tolerance
from rewriter.runtime.compare.outcome import RunOutcome, RunRequest, Stage
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
) -> RunOutcome:
    """Run the original and the rewritten model on the same input sets in a child process and compare.

    Args:
        models: the structure of both; external weights stay in their files.
        folders: where these files lie.
        drawing: the arrays or the rules that make the input sets of the original.
        optimised: whether onnxruntime optimises the graphs; if not, equal models agree bit for bit.
        timeout: seconds for everything; the search for sizes that the original runs with may take a quarter.
        tolerance: the allowed deviation of results; without one, deviations are not judged.

    Returns:
        The result. A crash, a timeout or a failure of a model is a result too, and raises nothing.
    """
    drawing = replace(drawing, draws=may_draw(models[Stage.FIRST]))
    names = _other_names(models.get(Stage.SECOND), drawing)
    try:
        for rounds in (drawing.plan.rounds, Rounds()):
            drawing = replace(drawing, plan=replace(drawing.plan, rounds=rounds))
            request = RunRequest(drawing, optimised, tolerance, names)
            found = run(TASK, request, models, folders=folders, timeout=timeout)
            # Runs with 0 and 1 iteration of Loops are an addition: if the child ends in one, leave them out.
            if not isinstance(found, Ended) or found.stage != LOOPED:
                break
    except NoScratch as error:
        return RunOutcome(skipped=one_line(f"onnxruntime was not run: {error}"))
    return outcome_of(found) if isinstance(found, Ended) else found


def _other_names(second: onnx.ModelProto | None, drawing: Drawing) -> dict[str, str]:
    """Input of the original -> its name in the second model, for names that differ; matched by position.

    Empty if the numbers of inputs differ, or if the second model has the same names in any order.
    """
    inputs = [each.name for each in drawing.plan.inputs]
    theirs = [] if second is None else [info.name for info in required_inputs(second)]
    if sorted(inputs) == sorted(theirs) or len(inputs) != len(theirs):
        return {}
    return {ours: other for ours, other in zip(inputs, theirs, strict=True) if ours != other}


def outcome_of(ended: Ended) -> RunOutcome:
    """The outcome where the child gave none: an error if the rewritten model crashed, else no result."""
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
