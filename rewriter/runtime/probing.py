"""The search for input sets that the original model runs with, and whose results tell something."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from rewriter.runtime.difference import difference, telling
from rewriter.runtime.feeds import Array, Filling
from rewriter.runtime.inputs import FeedError
from rewriter.runtime.ort import RunError, Session
from rewriter.runtime.protocol import Request
from rewriter.runtime.sizes import Choice


class Try(NamedTuple):
    """One way to draw an input set."""

    choice: Choice
    filling: Filling


class Run(NamedTuple):
    """A try that ran, what it fed and what came out."""

    tried: Try
    feeds: dict[str, Array]
    results: list[Any]


class Probe:
    """The search for input set `number`; `wary` looks whether the inputs matter at the sizes tried."""

    def __init__(self, request: Request, session: Session, number: int, *, wary: bool) -> None:
        self.request, self.session, self.number, self.wary = request, session, number, wary
        self.first_error: Exception | None = None
        self.runs = 0
        self.other: Run | None = None
        """The same try with other data, where `wary` asked for it and the results tell something."""

    def best(self, tries: Iterable[Try], deadline: float) -> Run | None:
        """The first try whose results tell something, else the first that runs at all.

        Sizes too small for a pooling give outputs that are empty, NaN or the last bias whatever comes in:
        these agree for models that differ.
        """
        poor: Run | None = None
        for each in tries:
            if poor is not None and poor.tried.filling is not each.filling:
                break
            run = self._run(each, self.number)
            if run is not None and self._tells(run):
                return run
            poor = poor or run
            if time.monotonic() > deadline:
                break
        return poor

    def _tells(self, run: Run) -> bool:
        if not all(telling(result) for result in run.results):
            return False
        other = self._run(run.tried, self.number + self.request.sets) if self.wary else None
        if other is None:
            return True
        self.other = other if difference(run.results, other.results) is not None else None
        return self.other is not None

    def _run(self, tried: Try, number: int) -> Run | None:
        plan, seed = self.request.plan, self.request.seed
        self.runs += 1
        try:
            feeds = plan.fill(tried.choice, number, seed=seed, filling=tried.filling)
            return Run(tried, feeds, self.session.run(plan.inputs, feeds))
        except (RunError, FeedError) as error:
            self.first_error = self.first_error or error
            return None


def tries(known: tuple[Choice, ...], used: list[Try]) -> Iterator[Try]:
    """What to try for the next set: at first everything, then whatever is like the last that worked."""
    if not used:
        return (Try(choice, filling) for filling in Filling for choice in known)
    last = used[-1]
    later = known[known.index(last.choice) + 1 :]  # the earlier ones have failed, or were taken
    fresh = (Try(choice, last.filling) for choice in later if choice.like(last.choice))
    return chain(fresh, [last], (Try(last.choice, filling) for filling in Filling))
