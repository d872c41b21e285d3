"""A pass for `onnx_ir.passes`: the module tree of a model that is in the middle of somebody's pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
from onnx_ir.passes import FunctionalPass, PassResult

from rewriter.adapters.options import rewrite_options
from rewriter.api import rewrite
from rewriter.foreign import Rewritten


@dataclass
class RewriteResult(PassResult):  # type: ignore[misc]  # onnx_ir is not followed
    """The result of `RewritePass`.

    Attributes:
        report: what was done, and the proof.
    """

    report: Rewritten


class RewritePass(FunctionalPass):  # type: ignore[misc]
    """Writes the module tree into a model and proves that nothing else changed.

        passes = ir.passes.Sequential(DeduplicateInitializersPass(), RewritePass(functions="shared"))
        model = passes(model).model

    The model that goes in stays as it is, a new one comes out. It is made of what a file would hold, so
    entries of `meta` are not on it; weights in other files stay there.

    Args:
        options: keywords of `rewriter.rewrite`.

    Raises:
        UsageError: an option that `rewrite` does not have.
        RewriterError: what `rewriter.rewrite` raises, when the pass runs.
    """

    def __init__(self, **options: Any) -> None:
        self.options = rewrite_options(options)

    def call(self, model: ir.Model) -> RewriteResult:
        """Rewrite the model."""
        report = rewrite(model, **self.options)
        changed = any(any(record.changes.values()) for record in report.passes)
        return RewriteResult(report.result, changed, report)
