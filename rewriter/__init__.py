"""Gives an exported ONNX model its module tree back, and proves that nothing else changed.

    import rewriter

    analysis = rewriter.load("bert.onnx")              # nothing is written
    rewriter.tree("bert.onnx").select("encoder.layer.*.attention")
    report = rewriter.rewrite("bert.onnx", "bert.tree.onnx", restore_names=True)
    rewriter.extract("bert.onnx", "encoder.layer.0", "layer.onnx")
    rewriter.split("bert.onnx", "encoder.layer.6", "halves")
    rewriter.implant("bert.onnx", {"encoder.layer.0": "changed.onnx"}, "new.onnx")
    rewriter.tap("bert.onnx", "encoder.layer.*", "taps.onnx")
    rewriter.verify("bert.onnx", "bert.tree.onnx").verdict  # equal, not proved, different
    rewriter.diff("bert.onnx", "bert.int8.onnx").first  # the first module with different numbers
    rewriter.profile("bert.onnx").classes               # time by class of module
    rewriter.report("bert.onnx", output="bert.html")   # everything on one page
    rewriter.doctor("bert.onnx").findings              # known effects of other tools on it

Public names are loaded on first use: importing the package is instant, and so is the start of the command
line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from rewriter.basics.lazy import names_of
from rewriter.version import __version__

if TYPE_CHECKING:
    from rewriter import adapters, batch
    from rewriter.api.checkpoints import refit, weights
    from rewriter.api.foreign_models import Rewritten
    from rewriter.api.functions import (
        LoadedModel,
        diff,
        doctor,
        extract,
        load,
        profile,
        report,
        rewrite,
        split,
        tree,
        verify,
    )
    from rewriter.api.half_precision import precision
    from rewriter.api.implants import implant
    from rewriter.api.model import Model, open
    from rewriter.api.replacement import replace
    from rewriter.api.taps import Tapped, drop, tap, untap
    from rewriter.checkpoints.refit import Refit
    from rewriter.checkpoints.weight_map import WeightMap
    from rewriter.cutting.extract import Extraction
    from rewriter.cutting.split import Split
    from rewriter.edits.implants import Implanting
    from rewriter.edits.replacement import Replacement
    from rewriter.errors import RewriterError
    from rewriter.insight.comparison.module_diff import Diff
    from rewriter.insight.conflicts import Conflicts
    from rewriter.insight.half_precision.module_precision import Precision
    from rewriter.insight.lookup.explanation import Explanation
    from rewriter.insight.placement.device_settings import Placing
    from rewriter.insight.profile import Profile
    from rewriter.insight.stats import Stats
    from rewriter.insight.tools.examine import Diagnosis
    from rewriter.modules.analysis import Analysis
    from rewriter.modules.module import Kind, Module, Parameter
    from rewriter.modules.module_tree import Boundary, ModuleTree, Placement
    from rewriter.modules.selection import Selection
    from rewriter.passes.base import Outcome, Pass
    from rewriter.passes.preserved_parts import Part
    from rewriter.passes.registry.catalogue import Catalogue, known_passes
    from rewriter.paths import ModulePath
    from rewriter.refusals import Refusal
    from rewriter.runtime.child_limits import limits
    from rewriter.verdict.verification import Verdict, Verification
    from rewriter.views.exports.export import Export
    from rewriter.views.name_formats import ChosenNames
    from rewriter.views.page.html_report import PageReport
    from rewriter.views.rewrite_report import Report
    from rewriter.views.witness_agreement import Comparison

__all__ = [
    "Analysis",
    "Boundary",
    "Catalogue",
    "ChosenNames",
    "Comparison",
    "Conflicts",
    "Diagnosis",
    "Diff",
    "Explanation",
    "Export",
    "Extraction",
    "Implanting",
    "Kind",
    "LoadedModel",
    "Model",
    "Module",
    "ModulePath",
    "ModuleTree",
    "Outcome",
    "PageReport",
    "Parameter",
    "Part",
    "Pass",
    "Placement",
    "Placing",
    "Precision",
    "Profile",
    "Refit",
    "Refusal",
    "Replacement",
    "Report",
    "RewriterError",
    "Rewritten",
    "Selection",
    "Split",
    "Stats",
    "Tapped",
    "Verdict",
    "Verification",
    "WeightMap",
    "__version__",
    "adapters",
    "batch",
    "diff",
    "doctor",
    "drop",
    "extract",
    "implant",
    "known_passes",
    "limits",
    "load",
    "open",
    "precision",
    "profile",
    "refit",
    "replace",
    "report",
    "rewrite",
    "split",
    "tap",
    "tree",
    "untap",
    "verify",
    "weights",
]

_HOME = {
    "diff": "api.functions",
    "doctor": "api.functions",
    "limits": "runtime.child_limits",
    "known_passes": "passes.registry.catalogue",
    "Catalogue": "passes.registry.catalogue",
    "ChosenNames": "views.name_formats",
    "Comparison": "views.witness_agreement",
    "Conflicts": "insight.conflicts",
    "Explanation": "insight.lookup.explanation",
    "Export": "views.exports.export",
    "Placing": "insight.placement.device_settings",
    "Stats": "insight.stats",
    "precision": "api.half_precision",
    "profile": "api.functions",
    "extract": "api.functions",
    "implant": "api.implants",
    "Implanting": "edits.implants",
    "split": "api.functions",
    "Extraction": "cutting.extract",
    "Split": "cutting.split",
    "Tapped": "api.taps",
    "drop": "api.taps",
    "tap": "api.taps",
    "untap": "api.taps",
    "load": "api.functions",
    "Model": "api.model",
    "open": "api.model",
    "refit": "api.checkpoints",
    "weights": "api.checkpoints",
    "Refit": "checkpoints.refit",
    "WeightMap": "checkpoints.weight_map",
    "replace": "api.replacement",
    "report": "api.functions",
    "rewrite": "api.functions",
    "tree": "api.functions",
    "verify": "api.functions",
    "Analysis": "modules.analysis",
    "Boundary": "modules.module_tree",
    "Diagnosis": "insight.tools.examine",
    "Diff": "insight.comparison.module_diff",
    "Kind": "modules.module",
    "LoadedModel": "api.functions",
    "Module": "modules.module",
    "ModulePath": "paths",
    "ModuleTree": "modules.module_tree",
    "Outcome": "passes.base",
    "Part": "passes.preserved_parts",
    "Pass": "passes.base",
    "PageReport": "views.page.html_report",
    "Parameter": "modules.module",
    "Placement": "modules.module_tree",
    "Precision": "insight.half_precision.module_precision",
    "Profile": "insight.profile",
    "Refusal": "refusals",
    "Replacement": "edits.replacement",
    "Report": "views.rewrite_report",
    "Rewritten": "api.foreign_models",
    "RewriterError": "errors",
    "Selection": "modules.selection",
    "Verdict": "verdict.verification",
    "Verification": "verdict.verification",
}


_load = names_of(__name__, _HOME)


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    if name in ("adapters", "batch"):
        return import_module(f"rewriter.{name}")
    return _load(name)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
