"""In the child: runs a model and its pieces; see `pieces`. No tensor leaves the process."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import chdir
from functools import cached_property
from pathlib import Path
from typing import Any

import onnx

from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.child.job import Job, Sent
from rewriter.runtime.compare.outcome import RunOutcome, Stage
from rewriter.runtime.compare.output_task import another_seed, unsteady_outputs
from rewriter.runtime.compare.pieces import AT_PIECE, RECORDED, WHOLE, PartRequest, PartRun, PartRuns, piece
from rewriter.runtime.compare.tolerance import Deviation, difference
from rewriter.runtime.inputs.feeds import Drawing
from rewriter.runtime.inputs.input import FeedError, Input
from rewriter.runtime.inputs.input_search import Runs, find_inputs
from rewriter.runtime.inputs.signature import required_inputs
from rewriter.runtime.ort.sessions import VERSION, RunError, Session
from rewriter.runtime.weights.memory_map import MappedWeights

Values = dict[str, Any]


def judge_parts(job: Job[PartRequest]) -> PartRuns:
    """Run the part of the whole, unless the request forbids it, then each piece."""
    drawing, mapped = job.request.drawing, MappedWeights()
    if isinstance(drawing, str):
        return _Pieces(job, mapped, None, drawing).judge()
    try:
        found = find_inputs(job, drawing, lambda: _session(job.models[RECORDED], mapped, drawing.seed))
    except (RunError, FeedError) as error:
        return _Pieces(job, mapped, None, f"the whole model does not run: {one_line(error)}").judge()
    return _Pieces(job, mapped, found, None).judge()


def _session(sent: Sent, mapped: MappedWeights, seed: int) -> Session:
    weights = mapped.of(sent.weights, Path(sent.folder or "."))
    return Session(sent.path, sent.folder, seed=seed, weights=weights)


class _Pieces:
    """Run of the pieces, with a comparison of their outputs with the values of the whole.

    Attributes:
        mapped: the weight files, mapped once for all sessions.
        found: the runs of the whole; None if it was not run.
        silent: the reason why the whole was not run; None if it was.
    """

    def __init__(
        self, job: Job[PartRequest], mapped: MappedWeights, found: Runs | None, silent: str | None
    ) -> None:
        self.job, self.mapped, self.found, self.silent = job, mapped, found, silent
        self.request, self.whole = job.request, job.models[WHOLE]
        self.seed = self.request.drawing.seed if isinstance(self.request.drawing, Drawing) else 0
        self.recorded: list[Values] = []
        if found is not None:
            both = zip(found.feeds, found.results, strict=True)
            self.recorded = [dict(zip(found.outputs, each, strict=True)) | feeds for feeds, each in both]
        self.pools = self.recorded
        if self.request.chain and found is not None:
            self.pools = [dict(feeds) for feeds in found.feeds]

    def _enter(self, stage: str) -> None:
        self._stage = stage
        self.job.enter(stage)

    def judge(self) -> PartRuns:
        """Return one verdict per piece, and the ranks of the arrays among the recorded values."""
        ranks = _ranks(self.recorded)
        return PartRuns(tuple(map(self._judged, range(len(self.request.parts)))), ranks)

    def _judged(self, number: int) -> PartRun:
        self._enter(f"{number + 1}{AT_PIECE}")
        sent = self.job.models[piece(number)]
        model = onnx.ModelProto.FromString(sent.path.read_bytes())
        fault = self._fault(model, sent)
        known = fault is not None and self._fault_of_whole is not None
        try:
            session = _session(sent, self.mapped, self.seed)
        except RunError as error:
            reason = f"onnxruntime: {one_line(error)}"
            if fault is None or known:
                fault, known = reason, not self._whole_loads
            outcome = RunOutcome(error=reason, ort_version=VERSION)
            if known:
                outcome = RunOutcome(skipped="onnxruntime does not load the whole model", ort_version=VERSION)
            return PartRun(fault, known, outcome)
        if self.silent is not None:
            return PartRun(fault, known, RunOutcome(skipped=self.silent, ort_version=VERSION))
        # sequences and other values that are no tensors have element type 0
        inputs = tuple(
            Input(info.name, info.type.tensor_type.elem_type, None) for info in required_inputs(model)
        )
        unsteady: dict[str, None] = {}
        outcome = self._outcome(self.request.parts[number], inputs, session, unsteady)
        return PartRun(fault, known, outcome, tuple(unsteady))

    def _outcome(
        self, names: Mapping[str, str], inputs: tuple[Input, ...], session: Session, unsteady: dict[str, None]
    ) -> RunOutcome:
        """Run a piece on all input sets and compare its outputs; in a chain, keep them for later pieces."""
        differences: list[tuple[int, str, Deviation]] = []
        for run, (expected, pool) in enumerate(zip(self.recorded, self.pools, strict=True)):
            if any(names[each.name] not in pool for each in inputs):
                return RunOutcome(
                    skipped="an earlier piece gave no value for an input of this one", ort_version=VERSION
                )
            try:
                found = session.run(inputs, {each.name: pool[names[each.name]] for each in inputs})
            except RunError as error:
                return RunOutcome(run, error=one_line(f"it does not run: {error}"), ort_version=VERSION)
            for name, value in zip(session.outputs, found, strict=True):
                wanted = expected[names[name]]
                apart = difference(wanted, value, name)
                random = apart is not None and names[name] in self._drawn
                if random:
                    unsteady[name] = None
                if self.request.chain:
                    pool[names[name]] = wanted if random else value
                if apart is not None and not random:
                    differences.append((run, name, apart))
        if not differences and unsteady and len(unsteady) == len(session.outputs):
            return RunOutcome(skipped="all its outputs are random", ort_version=VERSION)
        return RunOutcome.of(differences, len(self.recorded), VERSION, judged=False)

    @cached_property
    def _drawn(self) -> frozenset[str]:
        """Names of the recorded values that differ between two runs of the whole with different seeds."""
        drawing = self.request.drawing
        assert self.found is not None and isinstance(drawing, Drawing)  # the whole has run
        at_piece = self._stage
        self._enter(Stage.FIRST)
        reseeded = _session(self.job.models[RECORDED], self.mapped, another_seed(self.seed))
        unsteady = unsteady_outputs(self.found, drawing.plan.inputs, reseeded)
        self._enter(at_piece)
        return frozenset(self.found.outputs[position] for position in unsteady)

    def _fault(self, model: onnx.ModelProto, sent: Sent) -> str | None:
        """Return the error of onnx's full checker; None if it accepts the model.

        The checker runs in the folder of the external data, since it looks for the files there.
        """
        try:
            with chdir(sent.folder or self.job.folder):
                onnx.checker.check_model(model, full_check=True)
        except Exception as error:  # the checker raises exceptions of many types
            return one_line(f"checker: {error}")
        return None

    @cached_property
    def _whole_loads(self) -> bool:
        try:
            _session(self.whole, self.mapped, self.seed)
        except RunError:
            return False
        return True

    @cached_property
    def _fault_of_whole(self) -> str | None:
        return self._fault(onnx.ModelProto.FromString(self.whole.path.read_bytes()), self.whole)


def _ranks(recorded: list[Values]) -> dict[str, int]:
    """Return the number of dimensions of each value that is an array of the same rank in all runs."""
    found: dict[str, set[int]] = {}
    for values in recorded:
        for name, value in values.items():
            found.setdefault(name, set()).add(getattr(value, "ndim", -1))
    return {name: ranks.pop() for name, ranks in found.items() if len(ranks) == 1 and -1 not in ranks}
