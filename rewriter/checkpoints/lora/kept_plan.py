"""Plans the new weights of a model in which an adapter stays as nodes: those that training replaced."""

from __future__ import annotations

from dataclasses import replace

from rewriter.checkpoints.lora.adapter import Adapter
from rewriter.checkpoints.lora.beside.keep import KeptAdapter
from rewriter.checkpoints.lora.fitting import AdapterPrefix
from rewriter.checkpoints.lora.merge_plan import plan_merge
from rewriter.checkpoints.lora.merged_state import FittedAdapter
from rewriter.checkpoints.names.prefixes import Prefixes
from rewriter.checkpoints.plan import Lacking, OldFormulas, RefitPlan, plan
from rewriter.checkpoints.tensors.state_dict import StateDict
from rewriter.modules.analysis import Analysis


def plan_kept(
    analysis: Analysis,
    adapter: Adapter,
    kept: KeptAdapter,
    new: StateDict | None = None,
    *,
    prefix: str | None = None,
    found: OldFormulas | None = None,
) -> RefitPlan:
    """Plan the new weights of a model with a kept adapter: biases and modules that were trained whole.

    Args:
        analysis: the model.
        adapter: the adapter.
        kept: its layers in the model, and its modules without one.
        new: new weights for all tensors; None to keep those of the file.
        prefix: see `plan_merge`.
        found: formulas found by content; None for names alone.

    Raises:
        UsageError: no weight fits, or several prefixes fit.
    """
    if adapter.whole:
        wanted = plan_merge(analysis, replace(adapter, changes=()), new, prefix=prefix, found=found)
    elif new is not None:
        wanted = plan(analysis, new, prefix=prefix, found=found)
    else:
        state = StateDict(adapter.name, {}, adapter.files)
        wanted = RefitPlan(state, Prefixes(), (), (), {}, {}, ())
    absent = [Lacking(module, reason, (), is_key=True) for module, reason in kept.absent.items()]
    fitted = wanted.adapter or FittedAdapter(adapter.name, AdapterPrefix(), {}, {}, adapter.files)
    return replace(wanted, lacking=(*wanted.lacking, *absent), adapter=fitted)
