"""Plans the merge of an adapter into a model: the formulas of the tensors that it changes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from rewriter.checkpoints.decisions import by_value
from rewriter.checkpoints.lora.adapter import Adapter
from rewriter.checkpoints.lora.layout import turned_keys
from rewriter.checkpoints.lora.merged_state import BaseWeights, doubtful, fit, merged_state
from rewriter.checkpoints.lora.own_weights import absences, own_state, ties
from rewriter.checkpoints.lora.sharing import other_reader
from rewriter.checkpoints.names.held import Held
from rewriter.checkpoints.names.recorded_state import recorded_origins
from rewriter.checkpoints.plan import Fitted, Lacking, OldFormulas, RefitPlan, plan
from rewriter.checkpoints.tensors.state_dict import StateDict
from rewriter.checkpoints.weight_map import weights
from rewriter.errors import UsageError
from rewriter.evidence.parameters.parameter_names import readers_of
from rewriter.modules.analysis import Analysis
from rewriter.paths import ROOT, ModulePath

_UNHELD = "no tensor of the file is known to hold it"


def plan_merge(
    analysis: Analysis,
    adapter: Adapter,
    new: StateDict | None = None,
    *,
    prefix: str | None = None,
    found: OldFormulas | None = None,
) -> RefitPlan:
    """Plan the merge of an adapter into a model.

    Args:
        analysis: the model.
        adapter: the adapter.
        new: the new weights that it changes; None for those of the file.
        prefix: the prefix of the keys in `new`, or without `new` of the modules in the adapter, as the user
            states it; None to find it.
        found: formulas found by content; None for names alone.

    Raises:
        UsageError: several prefixes fit.
    """
    base = _base(analysis, new, found)
    lost, placed = fit(adapter, base, prefix if new is None else None)
    of_keys = prefix if new is not None else None
    turned: dict[str, bool] = {}
    if doubtful(placed, base):
        first = plan(analysis, base.state, prefix=of_keys, found=found)
        by_file = turned_keys(analysis.graph, ((each.value, each.formula) for each in first.fitted))
        turned = {first.prefixes.key_of(name): each for name, each in by_file.items()}
    # peft sets `fan_in_fan_out` if any layer is stored as (in, out); then others may be stored otherwise.
    unknown = None if adapter.config.fan_in_fan_out else False
    state, fitted = merged_state(adapter, base, lost, placed, lambda key: turned.get(key, unknown))
    wanted = plan(analysis, state, prefix=of_keys, found=found)
    if new is None:
        wanted = _restricted(analysis, wanted, fitted.changes)
    return _demanded(analysis, replace(wanted, adapter=fitted))


def demand_some(analysis: Analysis, wanted: RefitPlan, layers: int = 0) -> None:
    """Refuse a plan in which nothing of an adapter is used.

    Args:
        analysis: the model.
        wanted: the plan.
        layers: number of layers that have the adapter beside them.

    Raises:
        UsageError: it is such a plan.
    """
    assert wanted.adapter is not None, "there is an adapter"
    if not layers and not wanted.adapter.changes and wanted.lacking:
        name, first = analysis.path or "model", wanted.lacking[0]
        raise UsageError(f"{name}: nothing of {wanted.adapter.name} fits, first {first.name}: {first.reason}")


def _base(analysis: Analysis, new: StateDict | None, found: OldFormulas | None) -> BaseWeights:
    if new is not None:
        return BaseWeights(new)
    if found is not None:
        return BaseWeights(found.old)
    own = weights(analysis)
    return BaseWeights(own_state(own), absences(own), ties(own))


def _restricted(analysis: Analysis, wanted: RefitPlan, changed: Collection[str]) -> RefitPlan:
    """Return a plan with only what depends on changed keys, or may depend on them."""
    held = by_value(analysis)
    key_of = wanted.prefixes.key_of
    fitted = tuple(each for each in wanted.fitted if any(key_of(key) in changed for key in each.formula.keys))
    by_name = {str(analysis.graph.value_names[value]): value for value in analysis.graph.initializers}
    modules = {ModulePath(wanted.prefixes.name_of(key)).parent or ROOT for key in changed}

    def concerns(lacking: Lacking) -> bool:
        if lacking.is_key:
            return lacking.name in changed
        value = by_name.get(lacking.name)
        if value is None:
            return False
        names = list(_names_in(analysis, held.get(value, []), value))
        return (
            any(key_of(name) in changed for name in names) if names else _is_read_by(analysis, value, modules)
        )

    lacking = tuple(filter(concerns, wanted.lacking))
    return replace(wanted, fitted=fitted, lacking=lacking, kept={}, tied={}, unused=())


def _names_in(analysis: Analysis, held: Collection[Held], value: int) -> Iterator[str]:
    """Yield the parameters that a tensor holds, or that the exporter computed it from."""
    yield from (str(each.key) for each in held)
    yield from recorded_origins(analysis.graph, value)


def _is_read_by(analysis: Analysis, value: int, modules: Collection[ModulePath]) -> bool:
    """Whether a node of one of the modules reads a tensor."""
    places = [analysis.tree.placements[node] for node in readers_of(analysis.graph, value)]
    return any(place is not None and place.module in modules for place in places)


def _demanded(analysis: Analysis, wanted: RefitPlan) -> RefitPlan:
    """Return a plan in which everything that the adapter changes has a formula of its own, or is lacking."""
    assert wanted.adapter is not None, "an adapter is merged"
    changed, key_of = wanted.adapter.changes, wanted.prefixes.key_of
    fitted: list[Fitted] = []
    lacking = list(wanted.lacking)
    for each in wanted.fitted:
        touched = [key for key in each.formula.keys if key_of(key) in changed]
        other = other_reader(analysis, each.value, each.formula.keys) if touched else None
        if other is None:
            fitted.append(each)
        else:
            reason = f"{other} reads it too, and the adapter of {touched[0]} must not change that"
            lacking.append(Lacking(each.name, reason, each.stored.dims))
    taken = {key_of(key) for each in wanted.fitted for key in each.formula.keys}
    named = {each.name for each in lacking} | taken | set(wanted.tied) | _explained(analysis, wanted)
    entries = wanted.new.entries
    lacking += [Lacking(key, _UNHELD, entries[key].shape, is_key=True) for key in changed if key not in named]
    lacking += [Lacking(key, why, (), is_key=True) for key, why in wanted.adapter.absent.items()]
    return replace(wanted, fitted=tuple(fitted), lacking=tuple(lacking))


def _explained(analysis: Analysis, wanted: RefitPlan) -> set[str]:
    """Return the keys whose tensors are lacking."""
    held = by_value(analysis)
    lacking = {each.name for each in wanted.lacking}
    values = [value for value in held if str(analysis.graph.value_names[value]) in lacking]
    return {
        wanted.prefixes.key_of(name) for value in values for name in _names_in(analysis, held[value], value)
    }
