"""A report that was made: the page and the drawing."""

from __future__ import annotations

from dataclasses import dataclass

from rewriter.display import Display
from rewriter.views.page.findings import Findings
from rewriter.views.page.page import page_html
from rewriter.views.page.svg import icicle_svg


@dataclass(frozen=True, slots=True, repr=False)
class PageReport(Display):
    """Everything that is known of one model, to look at.

    Attributes:
        findings: what it shows.
        by: what sizes are at first: `parameters`, `nodes`, `flops` or `time`; '' for what there is.
    """

    findings: Findings
    by: str = ""

    @property
    def measure(self) -> str:
        """What sizes are at first; '' for a model that has nothing to measure."""
        return self.by or next(iter(self.findings.measures), "")

    @property
    def html(self) -> str:
        """One page that needs nothing else."""
        return page_html(self.findings, self.measure)

    @property
    def svg(self) -> str:
        """The icicle, standing still."""
        return icicle_svg(self.findings, self.measure)

    def _repr_svg_(self) -> str:
        return self.svg

    def _brief(self) -> str:
        return f"{self.findings.analysis.tree.brief}, sizes by {self.measure or 'nothing'}"
