"""Prints any result as the command line does, and converts it to text for `str`."""

from __future__ import annotations

from functools import singledispatch
from io import StringIO

from rich.console import Console

from rewriter.checkpoints.refit import Refit
from rewriter.checkpoints.weight_map import WeightMap
from rewriter.cutting.extract import Extraction
from rewriter.cutting.split import Split
from rewriter.edits.implants import Implanting
from rewriter.edits.replacement import Replacement
from rewriter.insight.comparison.module_diff import Diff
from rewriter.insight.conflicts import Conflicts
from rewriter.insight.half_precision.module_precision import Precision
from rewriter.insight.lookup.explanation import Explanation
from rewriter.insight.placement.device_settings import Placing
from rewriter.insight.profile import Profile
from rewriter.insight.selected_names import Chosen
from rewriter.insight.stats import Stats
from rewriter.insight.tools.examine import Diagnosis
from rewriter.modules.analysis import Analysis
from rewriter.modules.module_tree import ModuleTree
from rewriter.options.words import LINES
from rewriter.passes.registry.catalogue import Catalogue
from rewriter.verdict.verification import Verification
from rewriter.views.exports.export import Export
from rewriter.views.name_formats import names_as
from rewriter.views.page.html_report import PageReport
from rewriter.views.passes import print_passes
from rewriter.views.rewrite_report import Report
from rewriter.views.text.conflicts import print_conflicts
from rewriter.views.text.cutting import print_extraction, print_split
from rewriter.views.text.differences.printing import print_diff
from rewriter.views.text.doctor import print_diagnosis
from rewriter.views.text.edits.implant import print_implanting
from rewriter.views.text.edits.replacement import print_replacement
from rewriter.views.text.edits.weights import print_refit, print_weights
from rewriter.views.text.explanation import print_explanation
from rewriter.views.text.numbers.precision import print_precision
from rewriter.views.text.parts import uncut_without_terminal
from rewriter.views.text.profile import print_profile
from rewriter.views.text.rewrite_report import print_report, print_verification
from rewriter.views.text.sources import print_sources
from rewriter.views.text.stats import print_stats
from rewriter.views.text.tree import print_modules, print_tree
from rewriter.views.witness_agreement import Comparison


@singledispatch
def print_result(found: object, console: Console) -> None:
    """Print a result as its verb does; print the `repr` of an object that no verb prints."""
    console.out(repr(found), highlight=False)


def text_of(found: object) -> str:
    """Return the output of the command line for a result, without colours and without the last line break."""
    stream = StringIO()
    # In a notebook, rich would display the output itself instead of writing to the stream.
    console = Console(file=stream, highlight=False, no_color=True, force_terminal=False, force_jupyter=False)
    print_result(found, uncut_without_terminal(console))
    return stream.getvalue().removesuffix("\n")


print_result.register(Analysis, print_tree)
print_result.register(Catalogue, print_passes)
print_result.register(Comparison, print_sources)
print_result.register(Conflicts, print_conflicts)
print_result.register(Diagnosis, print_diagnosis)
print_result.register(Diff, print_diff)
print_result.register(Explanation, print_explanation)
print_result.register(Extraction, print_extraction)
print_result.register(Implanting, print_implanting)
print_result.register(Replacement, print_replacement)
print_result.register(ModuleTree, print_modules)
print_result.register(Precision, print_precision)
print_result.register(Profile, print_profile)
print_result.register(Refit, print_refit)
print_result.register(Report, print_report)
print_result.register(Split, print_split)
print_result.register(Stats, print_stats)
print_result.register(Verification, print_verification)
print_result.register(WeightMap, print_weights)


@print_result.register
def _(found: Chosen, console: Console) -> None:
    console.out(names_as(found, LINES), highlight=False)


@print_result.register
def _(found: Placing, console: Console) -> None:
    for key, text in found.settings.items():
        console.out(f"{key}={text}", highlight=False)


@print_result.register
def _(found: Export, console: Console) -> None:
    console.out(found.text, end="", highlight=False)


@print_result.register
def _(found: PageReport, console: Console) -> None:
    console.out(found.html, end="", highlight=False)
