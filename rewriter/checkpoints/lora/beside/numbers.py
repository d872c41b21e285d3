"""Compares a model that keeps an adapter beside its layers with the model that has it merged."""

from __future__ import annotations

from onnx import ModelProto

from rewriter.checkpoints.plan import RefitPlan
from rewriter.checkpoints.refit import Refit, refit
from rewriter.model.storage.external_data import tensors_of
from rewriter.model.tensors import is_external
from rewriter.paths import ROOT, ModulePath
from rewriter.verdict.numbers import Numeric, compare


def compare_merged(found: Refit, before: ModelProto, merge: RefitPlan, *, timeout: float) -> Numeric:
    """Run the model with the adapter beside its layers, and the model with the adapter merged.

    Args:
        found: the model with the adapter beside its layers.
        before: the model without it, as it was read.
        merge: the plan that merges the adapter.
        timeout: seconds for running the models.

    Returns:
        The comparison, or the reason for none.
    """
    assert found.model is not None, "it was made"
    assert found.kept is not None, "it keeps an adapter"
    left = [each for each in merge.lacking if _module(each.name, is_key=each.is_key) not in found.kept.absent]
    if left:
        return Numeric(skipped=f"the adapter cannot be merged: {left[0].name}: {left[0].reason}")
    if any(map(is_external, tensors_of(before))):
        return Numeric(skipped="the weights are external")
    merged = refit(before, found.analysis, merge, partial=True).model
    assert merged is not None, "it was made"
    return compare(merged, found.model, before_folder=None, after_folder=None, timeout=timeout)


def _module(name: str, *, is_key: bool) -> str:
    """Return the module of a key; the name of a tensor as it is."""
    return (ModulePath(name).parent or ROOT) if is_key else name
