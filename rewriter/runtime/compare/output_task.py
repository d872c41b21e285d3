"""In the child: runs both models on the same input sets and measures the deviation of their outputs.

No tensor leaves the process.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rewriter.model.interface_match import counterparts
from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.child.job import Job
from rewriter.runtime.compare.outcome import RunOutcome, RunRequest, Stage
from rewriter.runtime.compare.tolerance import Deviation, Tolerance, difference
from rewriter.runtime.inputs.input import FeedError, Input
from rewriter.runtime.inputs.input_search import Runs, find_inputs
from rewriter.runtime.ort.sessions import VERSION, RunError, Session
from rewriter.runtime.weights.memory_map import MappedWeights

_ANOTHER_SEED = 100_003


def compare_outputs(job: Job[RunRequest]) -> RunOutcome:
    """Run the original, then the rewritten model, and compare the outputs that are not random.

    An output is taken as random if it differs between the models, and between two runs of the original with
    different seeds. If all outputs are random, the comparison counts as skipped.
    """
    request, inputs = job.request, job.request.drawing.plan.inputs
    mapped = MappedWeights()
    session = partial(_session, job, mapped)
    job.enter(Stage.FIRST)
    try:
        found = find_inputs(job, request.drawing, partial(session, Stage.FIRST))
    except (RunError, FeedError) as error:
        return RunOutcome(skipped=f"the first model does not run: {one_line(error)}", ort_version=VERSION)
    job.enter(Stage.SECOND)
    broken = partial(RunOutcome, len(found.feeds), ort_version=VERSION)
    try:
        second = session(Stage.SECOND)
        names = {each.name: request.names.get(each.name, each.name) for each in inputs}
        renamed = tuple(replace(each, name=names[each.name]) for each in inputs)
        after = [
            second.run(renamed, {names[name]: array for name, array in feeds.items()})
            for feeds in found.feeds
        ]
    except RunError as error:
        return broken(error=one_line(f"the second model does not run: {error}"))
    kept = [place for place, name in enumerate(second.outputs) if name not in request.added]
    given = tuple(second.outputs[place] for place in kept)
    if len(given) != len(found.outputs):
        gives = f"{_listed(given)} instead of {_listed(found.outputs)}"
        return broken(error=one_line(f"the second model gives {gives}"))
    places = counterparts(found.outputs, given)
    after = [[results[kept[place]] for place in places] for results in after]
    del second
    apart = _deviations(found, after, request.tolerance)
    if not apart:
        return RunOutcome.of((), len(found.feeds), VERSION, judged=request.tolerance is not None)
    job.enter(Stage.FIRST)
    unsteady = unsteady_outputs(found, inputs, session(Stage.FIRST, another=True))
    random = [found.outputs[at] for at in sorted(unsteady & {position for _, position in apart})]
    steady = [(run, found.outputs[at], each) for (run, at), each in apart.items() if at not in unsteady]
    if len(random) == len(found.outputs):
        reason = one_line(f"the model draws random numbers: two runs of the first differ in {random[0]!r}")
        return RunOutcome(skipped=reason, ort_version=VERSION)
    outcome = RunOutcome.of(steady, len(found.feeds), VERSION, judged=request.tolerance is not None)
    return replace(outcome, random=tuple(random))


def another_seed(seed: int) -> int:
    """Return a seed that gives other random numbers."""
    return seed + _ANOTHER_SEED


def unsteady_outputs(found: Runs, inputs: tuple[Input, ...], reseeded: Session) -> frozenset[int]:
    """Return the positions of the outputs that differ between runs of the original with different seeds.

    onnxruntime seeds a generator with the global seed plus the number of its node, and a rewrite may
    renumber nodes: only outputs that stay the same under another seed can be compared.

    Args:
        found: the runs of the original.
        inputs: its inputs.
        reseeded: the original with `another_seed`.
    """
    again = [reseeded.run(inputs, feeds) for feeds in found.feeds]
    return frozenset(position for _, position in _deviations(found, again))


def _session(job: Job[RunRequest], mapped: MappedWeights, stage: Stage, *, another: bool = False) -> Session:
    sent, request = job.models[stage], job.request
    seed = another_seed(request.drawing.seed) if another else request.drawing.seed
    # Weights are not replaced for a session that optimises: the optimisers read the weights in the model.
    weights = {} if request.optimised else mapped.of(sent.weights, Path(sent.folder or "."))
    return Session(sent.path, sent.folder, optimised=request.optimised, seed=seed, weights=weights)


def _deviations(
    found: Runs, after: list[list[Any]], tolerance: Tolerance | None = None
) -> dict[tuple[int, int], Deviation]:
    """Return the deviations, by input set and position of the output."""
    apart: dict[tuple[int, int], Deviation] = {}
    for number, (left, right) in enumerate(zip(found.results, after, strict=True)):
        for position, name in enumerate(found.outputs):
            each = difference(left[position], right[position], name, tolerance)
            if each is not None:
                apart[number, position] = each
    return apart


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(repr(name) for name in names)
