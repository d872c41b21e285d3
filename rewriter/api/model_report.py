"""Collects the contents of a report page on one model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rewriter import pipeline
from rewriter.basics.nearest import fits_nothing
from rewriter.basics.option_declaration import again
from rewriter.errors import UsageError
from rewriter.evidence.side_inputs import NOTHING, Given
from rewriter.insight.functions import functions_of
from rewriter.insight.stats import collect
from rewriter.options.groups import Pairs
from rewriter.options.show import ReportOptions
from rewriter.options.words import MEASURES
from rewriter.pipeline import Inputs, Progress, Source
from rewriter.pipeline.loader import path_of
from rewriter.views.page.findings import Findings, Verified
from rewriter.views.page.html_report import PageReport


@dataclass(frozen=True, kw_only=True)
class ReportContents(Pairs):
    """Contents of a report besides the model itself; `Pairs` has the options of running compared models.

    Attributes:
        other: a second model, to show its differences.
        original: the model that this one was made from, to be compared with it.
        profile: whether to run the model and show the time of each module.
        recorded: a profile that onnxruntime recorded of the model, to show instead.
        inputs: arrays to run models on; drawn from the signature if None.
        sizes: symbolic dimension -> size.
        by: the figure that sizes show at first, one of `MEASURES`; '' for the default.

    Raises:
        UsageError: two profiles are given, or `by` is unknown or needs a profile that is not given.
    """

    other: Source | None = again(ReportOptions, "other")
    original: Source | None = again(ReportOptions, "original")
    profile: bool = again(ReportOptions, "profile")
    recorded: Path | None = again(ReportOptions, "recorded")
    inputs: Inputs | None = again(ReportOptions, "inputs")
    sizes: Mapping[str, int] = field(default_factory=dict)
    by: str = again(ReportOptions, "by")

    def __post_init__(self) -> None:
        if self.by and self.by not in MEASURES:
            raise UsageError(fits_nothing("measure", self.by, MEASURES))
        if self.profile and self.recorded is not None:
            raise UsageError("only one profile can be shown; leave out --profile or --profile-from")
        if self.by == "time" and not (self.profile or self.recorded is not None):
            raise UsageError("no time is known without a profile; add --profile")


def report(
    source: Source, wanted: ReportContents, given: Given = NOTHING, progress: Progress = lambda station: None
) -> PageReport:
    """Collect the contents of a report and return its page.

    Args:
        source: the model.
        wanted: the contents besides the model itself.
        given: evidence from the user, besides the file.
        progress: callback for the name of each step as it begins.

    Raises:
        UnreadableModel: a model, external data it refers to, or a profile cannot be read.
        UsageError: the model cannot be run on these inputs, or has no figures for `wanted.by`.
    """
    progress("load")
    model, analysis = pipeline.read_and_load(source, given)
    progress("shapes")
    stats = collect(analysis, wanted.sizes)
    verified = difference = timed = None
    if wanted.original is not None:
        progress("verify")
        options = pipeline.Options(numbers=wanted.numbers, inputs=wanted.inputs, timeout=wanted.timeout)
        verified = Verified(_name(wanted.original), pipeline.verify(wanted.original, source, options))
    if wanted.other is not None:
        difference = pipeline.diff(
            source,
            wanted.other,
            numbers=wanted.numbers,
            inputs=wanted.inputs,
            timeout=wanted.timeout,
            progress=progress,
        )
    if wanted.profile or wanted.recorded is not None:
        timed = pipeline.profile(
            source,
            recorded=wanted.recorded,
            inputs=wanted.inputs,
            timeout=wanted.timeout,
            given=given,
            progress=progress,
        )
    findings = Findings(analysis, stats, functions_of(model, analysis.tree), verified, timed, difference)
    if wanted.by and wanted.by not in findings.measures:
        raise UsageError(f"{_name(source)}: has no {wanted.by} to draw; leave out --by")
    return PageReport(findings, wanted.by)


def _name(source: Source) -> str:
    """Return the name of a model in messages."""
    path = path_of(source)
    return path.name if path else "model"
