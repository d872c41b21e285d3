"""Runs passes one after the other, each on an analysis of the model as the one before left it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rewriter import garbage
from rewriter.evidence.given import Given
from rewriter.model.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.build import analyse
from rewriter.modules.selection import Miss
from rewriter.passes import plugins
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Outcome, Pass
from rewriter.passes.flatten import is_ours
from rewriter.passes.group import Group
from rewriter.passes.presets import UNDONE
from rewriter.pipeline.loading import look_through


@dataclass
class Course:
    """The passes that ran on a model, and what is known of it now.

    Hearing the witnesses again costs more than most passes, so what they said is kept while it holds.

    Attributes:
        analysis: of the model; of an earlier state of it where `stale`.
        given: what the user knows of the model as it came.
        outcomes: every pass so far, with what it did.
        stale: whether names or nodes are no longer what the analysis says.
        narrow: whether globs that fit nothing are left out and entered in `misses`.
        misses: these.
    """

    analysis: Analysis
    given: Given
    outcomes: list[tuple[Pass, Outcome]] = field(default_factory=list)
    stale: bool = False
    narrow: bool = False
    misses: list[Miss] = field(default_factory=list)
    _flat: Analysis | None = None

    @garbage.paused()
    def run(self, passes: Sequence[Pass]) -> None:
        """Run passes in order."""
        for step in passes:
            if self.stale and step.needs_analysis:
                self.analysis = analyse(GraphIndex(self.analysis.model), self.analysis.path, self._left())
                self.stale = False
            if step.name not in UNDONE:
                self._flat = None
            elif self._flat is None and not self.stale and not self._grouped():
                self._flat = self.analysis
            self._take_in(step, self._outcome(step))

    def _outcome(self, step: Pass) -> Outcome:
        if self.narrow and isinstance(step, Group):
            narrowed, misses = step.narrowed(self.analysis)
            self.misses += misses
            return Outcome({}) if narrowed is None else narrowed.run(self.analysis)
        return plugins.run(step, self.analysis)

    def flat(self, path: Path) -> Analysis:
        """The model as it looks with the functions that `group` made seen through.

        Args:
            path: where the model goes.
        """
        if self._flat is not None and self._grouped():
            return self._flat
        return (
            look_through(GraphIndex(self.analysis.model), path, self._left()) if self.stale else self.analysis
        )

    def _grouped(self) -> bool:
        return any(map(is_ours, self.analysis.model.functions))

    def _take_in(self, step: Pass, outcome: Outcome) -> None:
        self.outcomes.append((step, outcome))
        if outcome.analysis is not None:
            self.analysis = outcome.analysis
        elif step.name != Annotate.name and any(outcome.changes.values()):  # that one writes metadata alone
            self.stale = True

    def _left(self) -> Given:
        """What the user knows of the model as it is.

        The original and the trace describe the model as it came; once it is annotated, that says it all.
        """
        annotated = any(step.name == Annotate.name for step, _ in self.outcomes)
        return replace(self.given, like=None, trace=None) if annotated else self.given
