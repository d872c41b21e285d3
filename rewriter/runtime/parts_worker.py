"""The child process that runs a model and its pieces; see `parts`.

Run as `python -m rewriter.runtime.parts_worker FOLDER`. Tensors never leave the process.
"""

from __future__ import annotations

import json
from contextlib import chdir
from functools import cached_property
from pathlib import Path
from typing import Any

import onnx

from rewriter.runtime.difference import Difference, difference
from rewriter.runtime.inputs import FeedError, Input
from rewriter.runtime.ort import VERSION, RunError, Session
from rewriter.runtime.parts import PartRun, write_verdicts
from rewriter.runtime.protocol import Outcome, Stage, one_line
from rewriter.runtime.serving import serve
from rewriter.runtime.worker import Comparison, _Found

Values = dict[str, Any]


class Pieces(Comparison):
    """One request at work in its folder."""

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        asked = json.loads((place / "parts.json").read_text(encoding="utf-8"))
        self.silent: str | None = asked["silent"]
        self.chain: bool = asked["chain"]
        self.outputs: int = asked["outputs"]
        self.parts: list[dict[str, str]] = asked["parts"]
        self._drawn_names: frozenset[str] | None = None
        self._recording: tuple[tuple[str, ...], _Found] | None = None
        self.home: str | None = self.request.folders[Stage.FIRST]

    def judge(self) -> tuple[list[PartRun], dict[str, int]]:
        """One verdict per piece, and the ranks of all outputs of the whole."""
        recorded: list[Values] = []
        given: list[Values] = []
        silent = self.silent
        if silent is None:
            try:
                names, found = self._recording = self._original()
                recorded = [
                    dict(zip(names, results, strict=True)) | feeds
                    for feeds, results in zip(found.feeds, found.results, strict=True)
                ]
                given = [dict(feeds) for feeds in found.feeds]
            except (RunError, FeedError) as error:
                silent = f"the whole model does not run: {one_line(error)}"
        ranks = _ranks(recorded)
        pools = given if self.chain else recorded
        return [self._judged(number, recorded, pools, silent) for number in range(len(self.parts))], ranks

    def _judged(
        self, number: int, recorded: list[Values], pools: list[Values], silent: str | None
    ) -> PartRun:
        (self.folder / "stage").write_text(f"{number + 1}. cut", encoding="utf-8")
        path = self.folder / f"part-{number}.onnx"
        model = onnx.ModelProto.FromString(path.read_bytes())
        fault = self._fault(model)
        known = fault is not None and self._fault_of_whole is not None
        try:
            session = Session(path, self.home, optimised=False, seed=self.request.seed)
        except RunError as error:
            reason = f"onnxruntime: {one_line(error)}"
            if fault is None or known:
                fault, known = reason, not self._whole_loads
            outcome = Outcome(error=reason, ort_version=VERSION)
            if known:
                outcome = Outcome(skipped="onnxruntime does not load the whole model", ort_version=VERSION)
            return PartRun(fault, known, outcome)
        if silent is not None:
            return PartRun(fault, known, Outcome(skipped=silent, ort_version=VERSION))
        unsteady: dict[str, None] = {}
        outcome = self._outcome(number, _inputs(model), session, recorded, pools, unsteady)
        return PartRun(fault, known, outcome, tuple(unsteady))

    def _outcome(
        self,
        number: int,
        inputs: tuple[Input, ...],
        session: Session,
        recorded: list[Values],
        pools: list[Values],
        unsteady: dict[str, None],
    ) -> Outcome:
        """Runs a piece on all input sets; what a chain's piece gives goes into the pools."""
        names = self.parts[number]
        differences: list[tuple[int, str, Difference]] = []
        for run, (expected, pool) in enumerate(zip(recorded, pools, strict=True)):
            if any(names[each.name] not in pool for each in inputs):
                return Outcome(skipped="an earlier piece gave nothing to run it on", ort_version=VERSION)
            try:
                found = session.run(inputs, {each.name: pool[names[each.name]] for each in inputs})
            except RunError as error:
                reason = one_line(f"it does not run: {error}")
                return Outcome(run, error=reason, ort_version=VERSION)
            for name, value in zip(session.outputs, found, strict=True):
                wanted = expected[names[name]]
                apart = difference(wanted, value, name)
                random = apart is not None and names[name] in self._drawn
                if random:
                    unsteady[name] = None
                if self.chain:
                    pool[names[name]] = wanted if random else value
                if apart is not None and not random:
                    differences.append((run, name, apart))
        if not differences and unsteady and len(unsteady) == len(session.outputs):
            return Outcome(skipped="all that it gives out is random", ort_version=VERSION)
        return Outcome.of(differences, len(recorded), VERSION, judged=False)

    @property
    def _drawn(self) -> frozenset[str]:
        """Names of values of the whole that differ between two runs with other seeds."""
        if self._drawn_names is None:
            assert self._recording is not None  # else there is nothing to differ from
            names, found = self._recording
            self._drawn_names = frozenset(names[position] for position in self._unsteady(found))
        return self._drawn_names

    def _fault(self, model: onnx.ModelProto) -> str | None:
        """What the full checker says. It looks for external data in the working folder."""
        try:
            with chdir(self.home or self.folder):
                onnx.checker.check_model(model, full_check=True)
        except Exception as error:  # of whatever kind: the checker throws what its parts throw
            return one_line(f"checker: {error}")
        return None

    @cached_property
    def _whole_loads(self) -> bool:
        try:
            self._session(Stage.FIRST)
        except RunError:
            return False
        return True

    @cached_property
    def _fault_of_whole(self) -> str | None:
        model = onnx.ModelProto.FromString((self.folder / Stage.FIRST.model).read_bytes())
        del model.graph.output[self.outputs :]
        return self._fault(model)


def _inputs(model: onnx.ModelProto) -> tuple[Input, ...]:
    """What to feed; sequences and the like, which have no element type of their own, under 0."""
    filled = {tensor.name for tensor in model.graph.initializer}
    filled.update(sparse.values.name for sparse in model.graph.sparse_initializer)
    return tuple(
        Input(info.name, info.type.tensor_type.elem_type, None)
        for info in model.graph.input
        if info.name not in filled
    )


def _ranks(recorded: list[Values]) -> dict[str, int]:
    """Values that are arrays -> their number of dimensions, where that is the same in all runs."""
    found: dict[str, set[int]] = {}
    for values in recorded:
        for name, value in values.items():
            found.setdefault(name, set()).add(getattr(value, "ndim", -1))
    return {name: ranks.pop() for name, ranks in found.items() if len(ranks) == 1 and -1 not in ranks}


if __name__ == "__main__":
    serve(lambda place: write_verdicts(place, *Pieces(place).judge()))
