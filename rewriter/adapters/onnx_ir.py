"""A pass for `onnx_ir.passes` that writes the module tree into a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
from onnx_ir.passes import FunctionalPass, PassResult

from rewriter.adapters.options import rewrite_options
from rewriter.api.foreign_models import Rewritten
from rewriter.api.functions import rewrite


@dataclass
class RewriteResult(PassResult):  # type: ignore[misc]  # onnx_ir is not followed
    """The result of `RewritePass`.

    Attributes:
        report: the changes and the proof.
    """

    report: Rewritten


class RewritePass(FunctionalPass):  # type: ignore[misc]
    """Writes the module tree into a model and proves that nothing else changed.

        passes = ir.passes.Sequential(DeduplicateInitializersPass(), RewritePass(functions="shared"))
        model = passes(model).model

    The input model is not changed; the result is a new model. It is built from the serialised form, so `meta`
    of its objects is empty; external weights stay external.

    Args:
        options: keywords of `rewriter.rewrite`.

    Raises:
        UsageError: `rewrite` does not have an option of that name.
        RewriterError: see `rewriter.rewrite`; raised when the pass runs.
    """

    def __init__(self, **options: Any) -> None:
        self.options = rewrite_options(options)

    def call(self, model: ir.Model) -> RewriteResult:
        """Rewrite a model, and return the new one with the report."""
        report = rewrite(model, **self.options)
        changed = any(any(record.changes.values()) for record in report.passes)
        return RewriteResult(report.result, changed, report)
