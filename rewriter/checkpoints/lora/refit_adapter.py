"""Puts an adapter into a model: merged into its weights, or as nodes beside its layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from onnx import ModelProto

from rewriter.checkpoints.lora.adapter import Adapter
from rewriter.checkpoints.lora.beside.keep import keep
from rewriter.checkpoints.lora.beside.numbers import compare_merged
from rewriter.checkpoints.lora.kept_plan import plan_kept
from rewriter.checkpoints.lora.merge_plan import demand_some, plan_merge
from rewriter.checkpoints.plan import OldFormulas, RefitPlan
from rewriter.checkpoints.refit import Refit, refit
from rewriter.checkpoints.tensors.state_dict import StateDict
from rewriter.modules.analysis import Analysis


@dataclass(frozen=True, slots=True)
class AdapterRefit:
    """A model and its adapter.

    Attributes:
        model: the model as it was read, with its functions.
        analysis: its analysis.
        adapter: the adapter.
        new: the new weights that it changes; None for those of the model.
        prefix: see `plan_merge`.
        found: formulas found by content; None for names alone.
        partial: whether what fits nothing is left out; if not, it is an error.
        progress: called with the name of each step as it begins.
    """

    model: ModelProto
    analysis: Analysis
    adapter: Adapter
    new: StateDict | None
    prefix: str | None
    found: OldFormulas | None
    partial: bool
    progress: Callable[[str], None]

    def merged(self, output: Path | None) -> Refit:
        """Merge the adapter into the weights; see `refit` and `plan_merge` for errors."""
        demand_some(self.analysis, wanted := self._merge())
        return refit(self.model, self.analysis, wanted, output, partial=self.partial, progress=self.progress)

    def beside(self, output: Path | None, *, numbers: bool, timeout: float) -> Refit:
        """Put the adapter beside its layers; see `refit`, `keep` and `plan_kept` for errors.

        Args:
            output: the file to write; None to only return the model.
            numbers: whether to run the result, and the model with the adapter merged.
            timeout: seconds for running them.
        """
        model, kept = keep(self.analysis, self.adapter, None if self.new else self.prefix)
        wanted = plan_kept(self.analysis, self.adapter, kept, self.new, prefix=self.prefix, found=self.found)
        demand_some(self.analysis, wanted, len(kept.layers))
        made = refit(
            model, self.analysis, wanted, output, partial=self.partial, kept=kept, progress=self.progress
        )
        if not numbers:
            return made
        self.progress("numbers")
        return replace(made, numeric=compare_merged(made, self.model, self._merge(), timeout=timeout))

    def _merge(self) -> RefitPlan:
        return plan_merge(self.analysis, self.adapter, self.new, prefix=self.prefix, found=self.found)
