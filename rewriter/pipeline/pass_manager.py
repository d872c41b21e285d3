"""Runs passes in order, each on an analysis that is current in the parts that the pass requires."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from functools import reduce

from rewriter.basics import garbage
from rewriter.errors import UsageError
from rewriter.evidence.side_inputs import Given
from rewriter.model import metadata
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.build import analyse
from rewriter.modules.selection import Miss
from rewriter.passes.base import InterfaceEdit, Outcome, Pass
from rewriter.passes.flatten import Flatten
from rewriter.passes.functions.provenance import demand_no_kernels, is_ours
from rewriter.passes.group import Group
from rewriter.passes.preserved_parts import EVERYTHING, INDEX, TREE, Part, PartialAnalysis, fault_of_contract
from rewriter.passes.registry import plugins
from rewriter.paths import ROOT
from rewriter.pipeline.loader import look_through, name_of
from rewriter.refusals import Reason, Refusal


@dataclass
class PassManager:
    """Passes that ran on a model, and the present analysis.

    An analysis costs more time than most passes. So it is kept while it is valid: a pass gets a new analysis
    only if it requires a part of the model that changed since the last one.

    Attributes:
        analysis: the analysis of the model, made before the parts in `changed` changed.
        given: the user's evidence on the original model.
        outcomes: every pass, run or skipped, with its outcome.
        changed: the parts of the model that changed since the analysis.
        narrow: whether globs of `group` that match nothing are dropped and added to `misses`.
        misses: the dropped globs.
        told: whether the metadata of the model holds all evidence that the user gave.
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
            if getattr(step, "inlines", False) and self._grouped():
                demand_no_kernels(self.analysis.model, name_of(self.analysis.path))
                self.run((Flatten(),))
            if getattr(step, "flat", False) and self._grouped():
                self.outcomes.append((step, self._left_alone(step)))
                continue
            analysis = self._analysis_for(step)
            if not getattr(step, "undone", False):
                self._flat = None
            elif self._flat is None and not self.stale and not self._grouped():
                self._flat = self.analysis
            self._take_in(step, self._outcome(step, analysis))

    @property
    def stale(self) -> bool:
        """Whether the tree in the analysis is out of date."""
        return not TREE.isdisjoint(self.changed)

    def _analysis_for(self, step: Pass) -> Analysis:
        """Return the analysis for a pass: a new one if it requires a changed part, else the present one.

        Of the present analysis, the pass cannot read results that depend on changed parts.

        Raises:
            UsageError: the pass does not declare the parts that it requires and preserves.
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

    @property
    def interface(self) -> InterfaceEdit:
        """The outputs and inputs that all passes together added or removed."""
        return reduce(
            InterfaceEdit.then, (outcome.interface for _, outcome in self.outcomes), InterfaceEdit()
        )

    def flat(self) -> Analysis:
        """Return the analysis of the model in its flat form, with `group`'s functions inlined."""
        if self._flat is not None and self._grouped():
            return self._flat
        if not self.stale:
            return self.analysis
        found = look_through(GraphIndex(self.analysis.model), self.analysis.path, self._left())
        if not found.grouped:
            self.analysis, self.changed = found, frozenset()
        return found

    def graph(self) -> GraphIndex:
        """Return the index of the present model."""
        return self.analysis.graph if INDEX.isdisjoint(self.changed) else GraphIndex(self.analysis.model)

    def _left_alone(self, step: Pass) -> Outcome:
        """Return the outcome of a pass that is skipped on a grouped model.

        It has a refusal if the pass would change something in the flat form of the model.
        """
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
        """Return the user's evidence that still applies to the present model.

        The original and the trace describe the input model. They are dropped once the metadata of the model
        holds that evidence. Until then the fit of the original is not demanded again: it was measured on the
        flat form of the source, and in a model with functions most values are no longer in the main graph.
        """
        return replace(self.given, like=None, trace=None) if self.told else replace(self.given, forced=True)
