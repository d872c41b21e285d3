"""Runs passes one after the other, each on an analysis of the model as the one before left it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rewriter import garbage
from rewriter.evidence.given import Given
from rewriter.model import metadata
from rewriter.model.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.build import analyse
from rewriter.modules.selection import Miss
from rewriter.passes import plugins
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Outcome, Pass
from rewriter.passes.group import Group
from rewriter.passes.presets import UNDONE
from rewriter.passes.provenance import is_ours
from rewriter.passes.restore_names import RestoreNames
from rewriter.paths import ROOT
from rewriter.pipeline.loading import look_through
from rewriter.refusals import Reason, Refusal

_OF_FLAT = frozenset({Annotate.name, RestoreNames.name})
"""Passes that write what holds of one call on a node or value, and a shared function has one for several
calls."""


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
            if step.name in _OF_FLAT and self._grouped():
                self.outcomes.append((step, self._left_alone(step)))
                continue
            if step.name == Annotate.name and self._has_run(Annotate.name):
                self.stale = True  # it knows by the index what stands on the nodes
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

    def graph(self) -> GraphIndex:
        """The index of the model as it is."""
        return GraphIndex(self.analysis.model) if self.stale else self.analysis.graph

    def _left_alone(self, step: Pass) -> Outcome:
        """A pass for flat models on a grouped one: refused where it would change something."""
        model = self.analysis.model
        flat = look_through(GraphIndex(model), self.analysis.path, self._left())
        before = metadata.read(flat.model)
        changes = step.run(flat).changes
        if not any(changes.values()) and metadata.read(flat.model) == before:
            return Outcome(changes)
        ours = next(function.name for function in model.functions if is_ours(function))
        return Outcome(dict.fromkeys(changes, 0), (Refusal(ROOT, Reason.GROUPED, ours),))

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
        return replace(self.given, like=None, trace=None) if self._has_run(Annotate.name) else self.given

    def _has_run(self, name: str) -> bool:
        return any(step.name == name for step, _ in self.outcomes)
