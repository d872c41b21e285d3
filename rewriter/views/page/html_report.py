"""A report on a model, as a page and as a drawing."""

from __future__ import annotations

from dataclasses import dataclass

from rewriter.basics.display import Display
from rewriter.views.page.findings import Findings
from rewriter.views.page.page import page_html
from rewriter.views.page.svg import icicle_svg


@dataclass(frozen=True, slots=True, repr=False)
class PageReport(Display):
    """Report on one model.

    Attributes:
        findings: the results to show.
        by: the figure that sizes show at first: `parameters`, `nodes`, `flops` or `time`; '' for time if it
            was measured, else for the first available.
    """

    findings: Findings
    by: str = ""

    @property
    def measure(self) -> str:
        """The figure that sizes show at first; '' for a model without figures."""
        measures = self.findings.measures
        return self.by or ("time" if "time" in measures else next(iter(measures), ""))

    @property
    def html(self) -> str:
        """The report as a self-contained HTML page."""
        return page_html(self.findings, self.measure)

    @property
    def svg(self) -> str:
        """The icicle as a static SVG drawing."""
        return icicle_svg(self.findings, self.measure)

    def _repr_svg_(self) -> str:
        return self.svg

    def _brief(self) -> str:
        return f"{self.findings.analysis.tree.brief}, sizes by {self.measure or 'nothing'}"
