"""The child process: runs both models on the same input sets and writes how far apart they are.

Run as `python -m rewriter.runtime.worker FOLDER`, by `sessions` alone. Tensors never leave the process.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from rewriter.runtime.difference import Difference, Tolerance, difference
from rewriter.runtime.feeds import Array
from rewriter.runtime.inputs import FeedError
from rewriter.runtime.mapped import MappedWeights
from rewriter.runtime.ort import VERSION, RunError, Session
from rewriter.runtime.probing import Probe, Try, tries
from rewriter.runtime.protocol import FEW, ROUNDS, Outcome, Request, Stage, one_line
from rewriter.runtime.serving import serve

Results = list[list[Any]]
"""One list of outputs per input set."""


class _Found(NamedTuple):
    """The input sets and what the original made of them; `restart` where other runs lay in between."""

    feeds: list[dict[str, Array]]
    results: Results
    restart: bool


class Comparison:
    """One request at work in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.request = Request.read(folder / "request.json")
        self.inputs = self.request.plan.inputs
        self._mapped = MappedWeights()

    def run(self) -> Outcome:
        """Runs the original, then the rewritten model, and compares."""
        self._enter(Stage.FIRST)
        try:
            names, found = self._original()
        except (RunError, FeedError) as error:
            return Outcome(skipped=f"the first model does not run: {one_line(error)}", ort_version=VERSION)
        self._enter(Stage.SECOND)
        runs = len(found.feeds)
        try:
            session = self._session(Stage.SECOND)
            inputs = tuple(replace(each, name=self._renamed(each.name)) for each in self.inputs)
            after = [
                session.run(inputs, {self._renamed(name): array for name, array in feeds.items()})
                for feeds in found.feeds
            ]
        except RunError as error:
            return _broken(runs, f"the second model does not run: {error}")
        if len(session.outputs) != len(names):
            return _broken(
                runs, f"the second model gives {_listed(session.outputs)} instead of {_listed(names)}"
            )
        del session
        return self._verdict(names, found, after)

    def _original(self) -> tuple[tuple[str, ...], _Found]:
        session = self._session(Stage.FIRST)
        found = self._given(session) if self.request.given else self._probed(session)
        if found.restart and self.request.draws:
            # A run that was not kept may have drawn random numbers: start again as the rewritten model will.
            session = self._session(Stage.FIRST)
            found = found._replace(results=[session.run(self.inputs, feeds) for feeds in found.feeds])
        return session.outputs, found

    def _given(self, session: Session) -> _Found:
        from rewriter.runtime.handed import read_inputs  # loads onnx, which is rarely needed here

        feeds = read_inputs(self.folder, self.inputs)
        return _Found([feeds], [session.run(self.inputs, feeds)], False)

    def _probed(self, session: Session) -> _Found:
        """Input sets the original runs with: of different sizes where it allows them, else of other data."""
        deadline = time.monotonic() + self.request.probing
        known = self.request.plan.choices()
        used: list[Try] = []
        found = _Found([], [], False)
        for number in range(self.request.sets if self.inputs else 1):
            if len(found.feeds) == self.request.sets:
                break
            probe = Probe(self.request, session, number, wary=number == 0 and len(known) > 1)
            best = probe.best(tries(known, used), deadline)
            if best is None and not found.feeds:
                raise probe.first_error or FeedError("no sizes satisfy the dimensions of its inputs")
            if best is not None:
                used.append(best.tried)
                found.feeds.append(best.feeds)
                found.results.append(best.results)
            kept = 1
            if self.request.sets == FEW and (other := probe.other) is not None:
                found.feeds.append(other.feeds)
                found.results.append(other.results)
                kept = 2
            found = found._replace(restart=found.restart or probe.runs > kept)
        return self._with_rounds(session, found, used[0])

    def _with_rounds(self, session: Session, found: _Found, tried: Try) -> _Found:
        """With sets in which Loops run never and once, as far as the original takes them."""
        plan, restart = self.request.plan, found.restart
        if not plan.rounds:
            return found
        (self.folder / ROUNDS).touch()
        for feeds in plan.looped(tried.choice, 0, seed=self.request.seed, filling=tried.filling):
            try:
                results = session.run(self.inputs, feeds)
            except RunError:
                restart = True
                continue
            found.feeds.append(feeds)
            found.results.append(results)
        (self.folder / ROUNDS).unlink()
        return found._replace(restart=restart)

    def _renamed(self, name: str) -> str:
        """What the rewritten model calls an input."""
        return self.request.names.get(name, name)

    def _verdict(self, names: tuple[str, ...], found: _Found, after: Results) -> Outcome:
        tolerance = self.request.tolerance
        apart = _apart(names, found.results, after, tolerance)
        unsteady = self._unsteady(found) if apart else frozenset()
        steady = [(run, names[at], each) for (run, at), each in apart.items() if at not in unsteady]
        if apart and not steady:
            output = names[next(iter(apart))[1]]
            reason = one_line(f"the model draws random numbers: two runs of the first differ in {output!r}")
            return Outcome(skipped=reason, ort_version=VERSION)
        return Outcome.of(steady, len(found.feeds), VERSION, judged=tolerance is not None)

    def _unsteady(self, found: _Found) -> frozenset[int]:
        """Positions of the outputs that differ between two runs of the original with another random seed.

        onnxruntime seeds a generator with the global seed plus the number of its node, and a rewrite may
        renumber nodes: only what stays the same under another seed can be held against it.
        """
        self._enter(Stage.FIRST)
        session = self._session(Stage.FIRST, another=True)
        again = [session.run(self.inputs, feeds) for feeds in found.feeds]
        return frozenset(position for _, position in _apart(session.outputs, found.results, again))

    def _session(self, stage: Stage, *, another: bool = False) -> Session:
        request = self.request
        folder = request.folders[stage]
        seed = request.seed + (100_003 if another else 0)
        path = self.folder / stage.model
        weights = self._mapped.of(request.weights.get(stage, ()), Path(folder or "."))
        return Session(path, folder, optimised=request.optimised, seed=seed, weights=weights)

    def _enter(self, stage: Stage) -> None:
        (self.folder / "stage").write_text(stage, encoding="utf-8")


def _apart(
    names: tuple[str, ...], before: Results, after: Results, tolerance: Tolerance | None = None
) -> dict[tuple[int, int], Difference]:
    """The differences by input set and position of the output."""
    found: dict[tuple[int, int], Difference] = {}
    for number, (left, right) in enumerate(zip(before, after, strict=True)):
        for position, name in enumerate(names):
            apart = difference(left[position], right[position], name, tolerance)
            if apart is not None:
                found[number, position] = apart
    return found


def _broken(runs: int, reason: str) -> Outcome:
    return Outcome(runs=runs, error=one_line(reason), ort_version=VERSION)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(repr(name) for name in names)


if __name__ == "__main__":
    serve(lambda folder: Comparison(folder).run().write(folder / "outcome.json"))
