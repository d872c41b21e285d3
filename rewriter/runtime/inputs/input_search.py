"""Searches for input sets on which the original model runs and gives informative results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from rewriter.runtime.child.job import Job, TaskError
from rewriter.runtime.compare.outcome import Stage
from rewriter.runtime.compare.tolerance import difference, telling
from rewriter.runtime.inputs.dimension_sizes import Choice, independent, related, sized, symbolic_dims
from rewriter.runtime.inputs.feeds import FEW, LOOPED, Array, Drawing, Filling
from rewriter.runtime.inputs.input import FeedError
from rewriter.runtime.inputs.relation_search import Failure, RelationSearch
from rewriter.runtime.ort.sessions import RunError, Session

_SEARCHING_SHARE = 0.25
"""Share of the timeout after which each set gets only one try."""
_LARGE = 1 << 22
"""Elements of all inputs beyond which sizes are not tried if smaller ones run."""
_MOST_NAMED = 8
"""Symbols that an error names."""


@dataclass(slots=True)
class Runs:
    """Input sets and the results of a model: one list of outputs per set."""

    outputs: tuple[str, ...]
    feeds: list[dict[str, Array]] = field(default_factory=list)
    results: list[list[Any]] = field(default_factory=list)

    def add(self, feeds: dict[str, Array], results: list[Any]) -> None:
        """Add an input set and its results."""
        self.feeds.append(feeds)
        self.results.append(results)


class Try(NamedTuple):
    """Way to draw an input set."""

    choice: Choice
    filling: Filling


class Run(NamedTuple):
    """Try that ran, with its inputs and outputs."""

    tried: Try
    feeds: dict[str, Array]
    results: list[Any]


def find_inputs(job: Job[Any], drawing: Drawing, session: Callable[[], Session]) -> Runs:
    """Find input sets that the original runs with: of different sizes if it allows them, else of other data.

    Given arrays are the only set. Two requested sets usually have one size, see `FEW`.

    Args:
        job: the current job.
        drawing: rules of the sets.
        session: makes a session of the original.

    Raises:
        RunError: the original does not load, or runs on no inputs.
        FeedError: no inputs can be drawn.
    """
    ready = session()
    found = Runs(ready.outputs)
    if drawing.given is not None:
        feeds = {each.name: drawing.given[each.name] for each in drawing.plan.inputs}
        found.add(feeds, ready.run(drawing.plan.inputs, feeds))
        return found
    search = _Search(job, drawing, ready)
    search.fill(found)
    if search.runs > len(found.feeds) and drawing.draws:
        # Discarded runs may have drawn random numbers. Run again in a new session: both models start alike.
        ready = session()
        found.results = [ready.run(drawing.plan.inputs, feeds) for feeds in found.feeds]
    return found


class _Search:
    """Search in one session; `runs` counts all runs, including failed ones."""

    def __init__(self, job: Job[Any], drawing: Drawing, session: Session) -> None:
        self.job, self.drawing, self.session = job, drawing, session
        self.deadline = time.monotonic() + job.timeout * _SEARCHING_SHARE
        self.first_error: TaskError | None = None
        self.last_error = ""
        self.first_run: Run | None = None
        self.runs = 0

    def fill(self, found: Runs) -> None:
        """Add the requested input sets, extra ones for Loops, and their results."""
        plan, sets = self.drawing.plan, self.drawing.sets
        known = self._known()
        used: list[Try] = []
        for number in range(sets if plan.inputs else 1):
            if len(found.feeds) == sets:
                break
            wary = number == 0 and len(known) > 1
            best, other = self._best(_tries(known, used), number, wary=wary)
            if best is None and not found.feeds:
                raise self._nothing_fits()
            if best is not None:
                used.append(best.tried)
                found.add(best.feeds, best.results)
            if sets == FEW and other is not None:
                found.add(other.feeds, other.results)
        self._add_looped(found, used[0])

    def _known(self) -> tuple[Choice, ...]:
        """Return the sizes worth trying: if the first ones fail, those that satisfy found relations lead."""
        known = self.drawing.plan.choices()
        self.first_run = self._run(Try(known[0], Filling.DRAWN), 0) if len(known) > 1 else None
        if len(known) < 2 or self.first_run is not None:
            return known
        dims = symbolic_dims(self.drawing.plan.inputs)
        search = RelationSearch(dims, independent(dims), lambda sizes: self._failure(sized(dims, sizes)))
        relations = search.found()
        if relations is None:
            return known
        return (*related(dims, relations), *known)

    def _nothing_fits(self) -> TaskError:
        """Return the first error, with what was tried and the way to run the model nevertheless."""
        error = self.first_error or FeedError("no sizes satisfy the dimensions of its inputs")
        sizes = [
            symbol for symbol in independent(symbolic_dims(self.drawing.plan.inputs)) if symbol[0] != "?"
        ]
        tried = f"{self.runs} tried" + (f", with sizes for {_listed(sizes)}" if sizes else "")
        fit = f"none of the drawn inputs fit ({tried}; --inputs, or --feed of tap, takes yours)"
        return RunError(f"{fit}: {error}") if self.runs else error

    def _failure(self, choice: Choice | None) -> Failure:
        if choice is None or choice.elements > _LARGE or time.monotonic() > self.deadline:
            return ""
        return None if self._run(Try(choice, Filling.DRAWN), 0) is not None else self.last_error

    def _add_looped(self, found: Runs, tried: Try) -> None:
        """Add sets that vary Loops and Ifs, see `Plan.looped`, if the original runs on them."""
        plan = self.drawing.plan
        if not plan.rounds:
            return
        self.job.enter(LOOPED)
        for feeds in plan.looped(tried.choice, 0, seed=self.drawing.seed, filling=tried.filling):
            self.runs += 1
            try:
                found.add(feeds, self.session.run(plan.inputs, feeds))
            except RunError:
                continue
        self.job.enter(Stage.FIRST)

    def _best(self, tries: Iterable[Try], number: int, *, wary: bool) -> tuple[Run | None, Run | None]:
        """Return the first try with informative results, else the first that runs at all.

        Results are informative if all are `telling`. Once a try has run, no other filling and no large inputs
        are tried; after the deadline, no other try at all.

        At sizes too small for a pooling, outputs are empty, NaN or equal to the last bias for any input, so
        that different models agree. With `wary`, a try with `telling` results also runs on other data: if
        that run succeeds, the results must also differ between the two runs. The run on other data is
        then the second result.
        """
        poor: Run | None = None
        for each in tries:
            if poor is not None and poor.tried.filling is not each.filling:
                break
            if poor is not None and each.choice.elements > _LARGE:
                continue
            run = self._run(each, number)
            if run is not None and all(map(telling, run.results)):
                other = self._run(each, number + self.drawing.sets) if wary else None
                if other is None:
                    return run, None
                if difference(run.results, other.results) is not None:
                    return run, other
            poor = poor or run
            if time.monotonic() > self.deadline:
                break
        return poor, None

    def _run(self, tried: Try, number: int) -> Run | None:
        plan, seed = self.drawing.plan, self.drawing.seed
        ran, self.first_run = self.first_run, None
        if ran is not None and ran.tried == tried and number == 0:
            return ran
        self.runs += 1
        try:
            feeds = plan.fill(tried.choice, number, seed=seed, filling=tried.filling)
            return Run(tried, feeds, self.session.run(plan.inputs, feeds))
        except (RunError, FeedError) as error:
            self.first_error, self.last_error = self.first_error or error, str(error)
            return None


def _listed(symbols: list[str]) -> str:
    more = f" and {len(symbols) - _MOST_NAMED} more" if len(symbols) > _MOST_NAMED else ""
    return ", ".join(symbols[:_MOST_NAMED]) + more


def _tries(known: tuple[Choice, ...], used: list[Try]) -> Iterator[Try]:
    """Return the tries for the next set: at first all.

    Later, these are other sizes of the last try's pattern, then the last try, then its sizes with every
    filling.
    """
    if not used:
        return (Try(choice, filling) for filling in Filling for choice in known)
    last = used[-1]
    later = known[known.index(last.choice) + 1 :]  # earlier choices were tried or passed over
    fresh = (Try(choice, last.filling) for choice in later if choice.like(last.choice))
    return chain(fresh, [last], (Try(last.choice, filling) for filling in Filling))
