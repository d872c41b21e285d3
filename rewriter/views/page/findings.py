"""What a report is made of."""

from __future__ import annotations

from dataclasses import dataclass

from rewriter.evidence.claim import Source
from rewriter.insight.diff import Diff
from rewriter.insight.functions import Function
from rewriter.insight.profile import Profile
from rewriter.insight.stats import Stats
from rewriter.insight.weighing import weigh
from rewriter.modules.analysis import Analysis
from rewriter.options.words import Measure
from rewriter.paths import ROOT, ModulePath
from rewriter.proof.verification import Verification

READ = frozenset(
    {
        Source.OWN_TAG,
        Source.LIKE,
        Source.EXPORTER,
        Source.SCOPE_NAME,
        Source.VALUE_NAME,
        Source.OTHER_TAG,
        Source.REFERENCE,
    }
)
"""Evidence that names the module of a node; by all other a node was placed by what it reads or computes."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A comparison with another model that was made for this report."""

    original: str
    outcome: Verification


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a report shows.

    Attributes:
        analysis: the model, flat.
        stats: its figures.
        functions: the local functions that modules became, where the file is grouped.
        verified: a comparison with the model that it was made of; None where none was made.
        profile: its time; None where it was not measured.
        diff: how it differs from a second model; None where there is none.
    """

    analysis: Analysis
    stats: Stats
    functions: tuple[Function, ...] = ()
    verified: Verified | None = None
    profile: Profile | None = None
    diff: Diff | None = None

    @property
    def measures(self) -> tuple[str, ...]:
        """What sizes can be, the most telling first; none that is zero everywhere."""
        found = [
            *(["parameters"] if self.stats.patterns else []),
            *(["nodes"] if self.stats.nodes else []),
            *(["flops"] if self.stats.flops else []),
            *(["time"] if self.profile is not None and self.profile.total.median else []),
        ]
        return tuple(found)

    def own(self, measure: str) -> dict[ModulePath, float]:
        """What every module holds itself; shared parameters are the first owner's, so that all adds up.

        Times are medians, which add up nearly.

        Args:
            measure: `parameters`, `nodes`, `flops`, or `time` in microseconds.
        """
        if measure == "time":
            modules = self.profile.modules if self.profile else ()
            return {each.path: each.own.median for each in modules}
        if measure == "flops":
            return {path: each.flops[0] for path, each in self.stats.figures.items()}
        return dict(weigh(self.analysis, Measure(measure)).own)

    def homeless(self, measure: str) -> float:
        """What no module holds: nodes that nobody could place, and kernels that nobody could map."""
        tree = self.analysis.tree
        if measure == "nodes":
            return len(tree.placements) - tree.placed
        if measure == "flops":
            return self.stats.flops - self.stats.figures[tree.root.path].flops[1]
        return self.profile.unmapped.median if measure == "time" and self.profile else 0

    def totals(self, measure: str) -> dict[ModulePath, float]:
        """What every module holds with all below; the root with what no module holds.

        Args:
            measure: as for `own`. Times are the medians that the table shows, no sums of medians.
        """
        tree, own = self.analysis.tree, self.own(measure)
        totals: dict[ModulePath, float] = {module.path: own.get(module.path, 0) for module in tree}
        for module in tree.innermost_first():
            if module.parent is not None:
                totals[module.parent] += totals[module.path]
        totals[ROOT] += self.homeless(measure)
        if measure == "time" and self.profile is not None:
            totals |= {each.path: each.total.median for each in self.profile.modules}
            totals[ROOT] = self.profile.total.median
        return totals
