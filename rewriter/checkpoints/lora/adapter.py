"""Reads the folder of an adapter: its settings, and its tensors by module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np

from rewriter.basics.display import listed
from rewriter.checkpoints.lora.adapter_keys import AdapterPart, read_key
from rewriter.checkpoints.lora.config import AdapterConfig, read_config
from rewriter.checkpoints.lora.low_rank import LowRank
from rewriter.checkpoints.tensors.state_dict import StateDict, StateTensor, of_path
from rewriter.errors import UnreadableModel
from rewriter.paths import ModulePath

_FILES = ("adapter_model.safetensors", "adapter_model.bin")
_COUNTER = "num_batches_tracked"
"""The name of torch's counter of training steps in batch norms; a model in use does not read it."""
_BY_PEFT = "merge it by peft's merge_and_unload, and give the result as NEW"
_Parts = dict[AdapterPart, tuple[str, StateTensor]]


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter.

    Attributes:
        name: its folder.
        config: its settings.
        changes: the changes of weights, in the order of their modules.
        whole: parameter of the base model -> its new content: biases, and modules that were trained whole.
        files: the files that it is read from.
    """

    name: str
    config: AdapterConfig
    changes: tuple[LowRank, ...]
    whole: Mapping[ModulePath, StateTensor]
    files: tuple[Path, ...]

    def times(self, factor: float) -> Adapter:
        """Return the adapter with all its scales multiplied."""
        return replace(self, changes=tuple(replace(each, scale=each.scale * factor) for each in self.changes))


def read_adapter(folder: Path) -> Adapter:
    """Read the adapter in a folder that peft wrote.

    Raises:
        UnreadableModel: a file is missing or damaged, a setting or tensor is not supported, a matrix lacks
            its other half, or has another rank, or a number is not finite.
        UsageError: the file needs torch, which is not installed.
    """
    config = read_config(folder)
    path = next((folder / name for name in _FILES if (folder / name).is_file()), None)
    if path is None:
        raise UnreadableModel(f"{folder}: holds none of {', '.join(_FILES)}; save the adapter again")
    state = of_path(path)
    parts, whole = _sorted_by_module(state)
    changes = tuple(_change(state, config, module, parts[module]) for module in parts)
    if not changes and not whole:
        raise UnreadableModel(f"{path}: holds no tensor of an adapter; save the adapter again")
    return Adapter(str(folder), config, changes, whole, (config.path, *state.files))


def _sorted_by_module(state: StateDict) -> tuple[dict[ModulePath, _Parts], dict[ModulePath, StateTensor]]:
    parts: dict[ModulePath, _Parts] = {}
    whole: dict[ModulePath, StateTensor] = {}
    adapters: dict[str, None] = {}
    for key, tensor in state.entries.items():
        if (found := read_key(key)) is None:
            _refuse(state, f"{key} is no tensor of LoRA that is supported; {_BY_PEFT}")
        if found.part is not AdapterPart.WHOLE and ".base_layer." in key:
            _refuse(state, f"{key} is in a MultiheadAttention, where versions of peft differ; {_BY_PEFT}")
        if found.adapter:
            adapters[found.adapter] = None
        if found.part is not AdapterPart.WHOLE:
            parts.setdefault(found.path, {})[found.part] = key, tensor
        elif found.path.name != _COUNTER:
            whole[found.path] = tensor
    if len(adapters) > 1:
        _refuse(state, f"holds several adapters, {listed(adapters)}; save one alone")
    return parts, whole


def _change(state: StateDict, config: AdapterConfig, module: ModulePath, parts: _Parts) -> LowRank:
    """Return the change of a module.

    Raises:
        UnreadableModel: it is not whole, its shapes do not fit, or a number is not finite.
    """
    is_embedding = AdapterPart.EMBEDDING_A in parts or AdapterPart.EMBEDDING_B in parts
    names = (
        (AdapterPart.EMBEDDING_A, AdapterPart.EMBEDDING_B) if is_embedding else (AdapterPart.A, AdapterPart.B)
    )
    for name in (*names, AdapterPart.MAGNITUDE) if config.has_magnitudes else names:
        if name not in parts:
            _refuse(state, f"{module} has no {name}; save the adapter again")
    (a_key, a), (b_key, b) = (parts[name] for name in names)
    for key, tensor in parts.values():
        _demand_numbers(state, key, tensor)
    is_pair = len(a.shape) == len(b.shape) >= 2 and a.shape[0] == b.shape[1]
    if not is_pair or any(size != 1 for size in b.shape[2:]) or (is_embedding and len(a.shape) != 2):
        _refuse(
            state,
            f"{a_key} is {_text(a)} and {b_key} is {_text(b)}, which are no two factors of a weight; "
            "merge it by peft's merge_and_unload",
        )
    out = b.shape[0]
    bias, magnitude = (
        parts[name][1] if name in parts else None for name in (AdapterPart.BIAS, AdapterPart.MAGNITUDE)
    )
    for vector in (bias, magnitude):
        if vector is not None and int(np.prod(vector.shape)) != out:
            _refuse(state, f"{module} has a vector of {_text(vector)} for {out} outputs; save it again")
    if a.shape[0] != (rank := config.rank_of(module)):
        _refuse(
            state, f"{a_key} is {_text(a)}, and {config.path.name} states rank {rank}; save the adapter again"
        )
    return LowRank(module, a, b, config.scale_of(module), magnitude, bias, is_embedding)


def _demand_numbers(state: StateDict, key: str, tensor: StateTensor) -> None:
    if not tensor.is_float:
        _refuse(state, f"{key} is {tensor.dtype.name}, no floating-point type; save the adapter again")
    if not np.isfinite(np.asarray(state.read(key), np.float64)).all():
        _refuse(state, f"{key} has a number that is not finite; train the adapter again")


def _refuse(state: StateDict, fault: str) -> NoReturn:
    raise UnreadableModel(f"{state.name}: {fault}")


def _text(tensor: StateTensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a scalar"
