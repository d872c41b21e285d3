"""Results that a report shows, and the figures by which it draws modules."""

from __future__ import annotations

from dataclasses import dataclass

from rewriter.insight.comparison.module_diff import Diff
from rewriter.insight.drawn_sizes import weigh
from rewriter.insight.functions import Function
from rewriter.insight.profile import Profile
from rewriter.insight.stats import Stats
from rewriter.modules.analysis import Analysis
from rewriter.options.words import Measure
from rewriter.paths import ROOT, ModulePath
from rewriter.verdict.verification import Verification


@dataclass(frozen=True, slots=True)
class Verified:
    """Verification against the original, made for the report."""

    original: str
    outcome: Verification


@dataclass(frozen=True, slots=True)
class Findings:
    """All results that a report shows.

    Attributes:
        analysis: the flat model.
        stats: the statistics of the model.
        functions: the local functions of `functions_of`; empty for a flat file.
        verified: the verification against the original; None without one.
        profile: time by module; None if not measured.
        diff: the differences from a second model; None without one.
    """

    analysis: Analysis
    stats: Stats
    functions: tuple[Function, ...] = ()
    verified: Verified | None = None
    profile: Profile | None = None
    diff: Diff | None = None

    @property
    def measures(self) -> tuple[str, ...]:
        """Figures that sizes can show, the most informative first, without those that are 0 for the model."""
        found = [
            *(["parameters"] if self.stats.patterns else []),
            *(["nodes"] if self.stats.nodes else []),
            *(["flops"] if self.stats.flops else []),
            *(["time"] if self.profile is not None and self.profile.total.median else []),
        ]
        return tuple(found)

    def own(self, measure: str) -> dict[ModulePath, float]:
        """Return each module's own figure.

        A shared parameter counts for its first owner alone, so that figures add up. Times are medians, which
        add up approximately.

        Args:
            measure: `parameters`, `nodes`, `flops`, or `time` in microseconds.
        """
        if measure == "time":
            modules = self.profile.modules if self.profile else ()
            return {each.path: each.own.median for each in modules}
        if measure == "flops":
            return {path: each.flops[0] for path, each in self.stats.figures.items()}
        return dict(weigh(self.analysis, Measure(measure)).own)

    def outside_modules(self, measure: str) -> float:
        """Return the figure of unplaced nodes, or the time of kernels of no module; 0 for parameters."""
        tree = self.analysis.tree
        if measure == "nodes":
            return tree.unplaced
        if measure == "flops":
            return self.stats.flops - self.stats.figures[tree.root.path].flops[1]
        if measure == "time" and self.profile:
            return self.profile.unmapped.median + self.profile.outside.median
        return 0

    def totals(self, measure: str) -> dict[ModulePath, float]:
        """Return each module's figure including all modules below; for the root, that of the whole model.

        Times are measured medians, not sums of medians.

        Args:
            measure: see `own`.
        """
        tree, own = self.analysis.tree, self.own(measure)
        totals: dict[ModulePath, float] = {module.path: own.get(module.path, 0) for module in tree}
        for module in tree.innermost_first():
            if module.parent is not None:
                totals[module.parent] += totals[module.path]
        totals[ROOT] += self.outside_modules(measure)
        if measure == "time" and self.profile is not None:
            totals |= {each.path: each.total.median for each in self.profile.modules}
            totals[ROOT] = self.profile.total.median
        return totals
