"""Runs passes one after the other, each on an analysis of the model as the one before left it."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace

from rewriter import garbage
from rewriter.evidence.given import Given
from rewriter.model import metadata
from rewriter.model.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.build import analyse
from rewriter.modules.selection import Miss
from rewriter.passes import plugins
from rewriter.passes.base import Outcome, Pass
from rewriter.passes.contract import EVERYTHING, INDEX, TREE, Part, PartialAnalysis, fault_of_contract
from rewriter.passes.group import Group
from rewriter.passes.provenance import is_ours
from rewriter.paths import ROOT
from rewriter.pipeline.loading import look_through
from rewriter.refusals import Reason, Refusal, UsageError


@dataclass
class Course:
    """The passes that ran on a model, and what is known of it now.

    Hearing the witnesses again costs more than most passes, so an analysis is kept while it holds: a pass
    gets a new one where it requires a part of the model that changed since.

    Attributes:
        analysis: of the model, as it was before `changed`.
        given: what the user knows of the model as it came.
        outcomes: every pass so far, with what it did.
        changed: the parts of the model that changed since it was analysed.
        narrow: whether globs that fit nothing are left out and entered in `misses`.
        misses: these.
        told: whether the model itself says all that the user knows of it.
    """

    analysis: Analysis
    given: Given
    outcomes: list[tuple[Pass, Outcome]] = field(default_factory=list)
    changed: Set[Part] = frozenset()
    narrow: bool = False
    misses: list[Miss] = field(default_factory=list)
    told: bool = False
    _flat: Analysis | None = None

    @garbage.paused()
    def run(self, passes: Sequence[Pass]) -> None:
        """Run passes in order."""
        for step in passes:
            if getattr(step, "flat", False) and self._grouped():
                self.outcomes.append((step, self._left_alone(step)))
                continue
            analysis = self._handed(step)
            if not getattr(step, "undone", False):
                self._flat = None
            elif self._flat is None and not self.stale and not self._grouped():
                self._flat = self.analysis
            self._take_in(step, self._outcome(step, analysis))

    @property
    def stale(self) -> bool:
        """Whether the tree is no longer what the analysis says."""
        return not TREE.isdisjoint(self.changed)

    def _handed(self, step: Pass) -> Analysis:
        """The analysis that a pass gets: anew where it requires what changed, without that where it does not.

        Raises:
            UsageError: the pass does not say what it requires.
        """
        if fault := fault_of_contract(step):
            raise UsageError(f"pass {step.name!r} {fault}")
        if self.changed & step.requires:
            self.analysis = analyse(GraphIndex(self.analysis.model), self.analysis.path, self._left())
            self.changed = frozenset()
        return PartialAnalysis(self.analysis, self.changed) if self.changed else self.analysis

    def _outcome(self, step: Pass, analysis: Analysis) -> Outcome:
        if self.narrow and isinstance(step, Group):
            narrowed, misses = step.narrowed(analysis)
            self.misses += misses
            return Outcome({}) if narrowed is None else narrowed.run(analysis)
        return plugins.run(step, analysis)

    def flat(self) -> Analysis:
        """The model as it looks with the functions that `group` made seen through."""
        if self._flat is not None and self._grouped():
            return self._flat
        if not self.stale:
            return self.analysis
        found = look_through(GraphIndex(self.analysis.model), self.analysis.path, self._left())
        if not found.grouped:
            self.analysis, self.changed = found, frozenset()
        return found

    def graph(self) -> GraphIndex:
        """The index of the model as it is."""
        return self.analysis.graph if INDEX.isdisjoint(self.changed) else GraphIndex(self.analysis.model)

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
            self.analysis, self.changed = outcome.analysis, frozenset()
        elif any(outcome.changes.values()):
            self.changed |= EVERYTHING - step.preserves
        if outcome.told:
            self.told = True
        elif any(outcome.changes.values()) and Part.METADATA not in step.preserves:
            self.told = False

    def _left(self) -> Given:
        """What the user knows of the model as it is.

        The original and the trace describe the model as it came; once it says that itself, they say no more.
        """
        return replace(self.given, like=None, trace=None) if self.told else self.given
