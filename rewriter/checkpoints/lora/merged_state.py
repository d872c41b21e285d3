"""Merges an adapter into a state dict: each changed tensor is computed when it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from rewriter.basics.nearest import fits_nothing
from rewriter.checkpoints.lora.adapter import Adapter
from rewriter.checkpoints.lora.changes import BiasChange, Placed, WeightChange, changes_of
from rewriter.checkpoints.lora.fitting import AdapterPrefix, prefix_of
from rewriter.checkpoints.lora.low_rank import work_type
from rewriter.checkpoints.tensors.state_dict import StateDict, StateTensor


@dataclass(frozen=True, slots=True)
class FittedAdapter:
    """An adapter, fitted to a state dict.

    Attributes:
        name: its name.
        prefix: the prefix of names that differs between the adapter and the state dict.
        changes: key of the state dict -> the change, as text.
        absent: parameter that the adapter changes, but that fits no key or shape -> the reason.
        files: the files of the adapter.
    """

    name: str
    prefix: AdapterPrefix
    changes: Mapping[str, str]
    absent: Mapping[str, str]
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class BaseWeights:
    """The weights that an adapter changes.

    Attributes:
        state: the weights.
        reasons: key that `state` lacks, though the model has it -> the reason.
        ties: key that `state` lacks -> the key of the same tensor.
    """

    state: StateDict
    reasons: Mapping[str, str] = field(default_factory=dict)
    ties: Mapping[str, str] = field(default_factory=dict)

    @property
    def keys(self) -> frozenset[str]:
        """All known keys."""
        return frozenset((*self.state.entries, *self.reasons))

    def has(self, key: str, tensor: StateTensor) -> bool:
        """Whether a tensor is the weight of a key already, bit for bit."""
        own = self.state.entries.get(self.ties.get(key, key))
        if own is None or own.shape != tensor.shape or own.dtype != tensor.dtype:
            return False
        return own.read().tobytes() == tensor.read().tobytes()

    def absence(self, key: str) -> str:
        """Return the reason why a key is missing, with the nearest keys."""
        return self.reasons.get(key) or fits_nothing("weight", key, self.state.entries)


def fit(adapter: Adapter, base: BaseWeights, chosen: str | None = None) -> tuple[AdapterPrefix, list[Placed]]:
    """Find the key of each weight that an adapter changes.

    Args:
        adapter: the adapter.
        base: the weights.
        chosen: the prefix of the adapter's names that the weights lack, as the user states it.

    Raises:
        UsageError: several prefixes fit equally well.
    """
    known = base.keys
    names = [*(str(each.module.child("weight")) for each in adapter.changes), *adapter.whole]
    prefix = prefix_of(names, known, chosen)
    found = [Placed(each, prefix.key_of(each.module.child("weight"))) for each in adapter.changes]
    return prefix, found


def doubtful(placed: list[Placed], base: BaseWeights) -> bool:
    """Whether a matrix has a shape by which it may be stored as (in, out)."""
    for each in placed:
        tensor = base.state.entries.get(each.key)
        if tensor and (each.change.is_square or tensor.shape == each.change.shape[::-1]):
            return True
    return False


def merged_state(
    adapter: Adapter,
    base: BaseWeights,
    prefix: AdapterPrefix,
    placed: list[Placed],
    is_turned: Callable[[str], bool | None],
) -> tuple[StateDict, FittedAdapter]:
    """Return the state dict with an adapter merged into it.

    Args:
        adapter: the adapter.
        base: the weights.
        prefix: the prefix of names that differs.
        placed: the changes with their keys.
        is_turned: tells whether a matrix is stored as (in, out), by its key; None if that is not known.
    """
    entries = dict(base.state.entries)
    changes: dict[str, str] = {}
    absent: dict[str, str] = {}
    for parameter, whole in adapter.whole.items():
        key = prefix.key_of(parameter)
        if key in entries and not base.has(key, whole):
            entries[key], changes[key] = whole, "replaced"
        elif key not in entries and not base.has(key, whole):
            absent[key] = base.absence(key)
    for each in placed:
        for key, change in changes_of(each, is_turned):
            if reason := _misfit(change, entries.get(key), base, key):
                absent[key] = reason
            else:
                tensor = entries[key]
                entries[key] = replace(tensor, dtype=work_type(tensor.dtype), read=change.on(tensor))
                changes[key] = f"{changes[key]}, then {change}" if key in changes else str(change)
    files = tuple(dict.fromkeys((*base.state.files, *adapter.files)))
    fitted = FittedAdapter(adapter.name, prefix, changes, absent, adapter.files)
    return StateDict(adapter.name, entries, files), fitted


def _misfit(
    change: WeightChange | BiasChange, tensor: StateTensor | None, base: BaseWeights, key: str
) -> str | None:
    """Return the reason why a tensor cannot be changed; None if it can."""
    if tensor is None:
        return base.absence(key)
    if not tensor.is_float:
        return f"it is {tensor.dtype.name}, no floating-point type"
    return change.misfit(tensor.shape)
