"""Gives an exported ONNX model its module tree back, and proves that nothing else changed.

    import rewriter

    analysis = rewriter.load("bert.onnx")              # nothing is written
    rewriter.tree("bert.onnx").select("encoder.layer.*.attention")
    report = rewriter.rewrite("bert.onnx", "bert.tree.onnx", restore_names=True)
    rewriter.verify("bert.onnx", "bert.tree.onnx").holds
    rewriter.report("bert.onnx", output="bert.html")   # everything on one page

Everything here is loaded on first use, so that importing the package, as the command line does, is instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from rewriter.version import __version__

if TYPE_CHECKING:
    from rewriter.api import LoadedModel, diff, load, profile, report, rewrite, tree, verify
    from rewriter.insight.diff import Diff
    from rewriter.insight.profile import Profile
    from rewriter.modules.analysis import Analysis
    from rewriter.modules.module import Boundary, Kind, Module, ModuleTree, Parameter, Placement
    from rewriter.modules.selection import Selection
    from rewriter.paths import ModulePath
    from rewriter.proof.verification import Verification
    from rewriter.refusals import Refusal, RewriterError
    from rewriter.views.page.report import PageReport
    from rewriter.views.report import Report

__all__ = [
    "Analysis",
    "Boundary",
    "Diff",
    "Kind",
    "LoadedModel",
    "Module",
    "ModulePath",
    "ModuleTree",
    "PageReport",
    "Parameter",
    "Placement",
    "Profile",
    "Refusal",
    "Report",
    "RewriterError",
    "Selection",
    "Verification",
    "__version__",
    "diff",
    "load",
    "profile",
    "report",
    "rewrite",
    "tree",
    "verify",
]

_HOME = {
    "diff": "api",
    "profile": "api",
    "load": "api",
    "report": "api",
    "rewrite": "api",
    "tree": "api",
    "verify": "api",
    "Analysis": "modules.analysis",
    "Boundary": "modules.module",
    "Diff": "insight.diff",
    "Kind": "modules.module",
    "LoadedModel": "api",
    "Module": "modules.module",
    "ModulePath": "paths",
    "ModuleTree": "modules.module",
    "PageReport": "views.page.report",
    "Parameter": "modules.module",
    "Placement": "modules.module",
    "Profile": "insight.profile",
    "Refusal": "refusals",
    "Report": "views.report",
    "RewriterError": "refusals",
    "Selection": "modules.selection",
    "Verification": "proof.verification",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'rewriter' has no attribute {name!r}")
    found = getattr(import_module(f"rewriter.{_HOME[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names."""
    return __all__
