"""Reads `adapter_config.json`: scales of modules, and settings that change what an adapter computes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewriter.errors import UnreadableModel

FILE = "adapter_config.json"
_LARGEST = 10_000_000
"""Maximum bytes of a configuration."""
_READ = frozenset(
    {
        "peft_type",
        "r",
        "rank_pattern",
        "lora_alpha",
        "alpha_pattern",
        "use_rslora",
        "use_dora",
        "fan_in_fan_out",
        "init_lora_weights",
    }
)
_WITHOUT_EFFECT = frozenset(
    {
        "_custom_modules",
        "alora_config",
        "auto_mapping",
        "base_model_name_or_path",
        "bias",
        "ensure_weight_tying",
        "eva_config",
        "exclude_modules",
        "inference_mode",
        "layers_pattern",
        "layers_to_transform",
        "lora_bias",
        "lora_dropout",
        "megatron_core",
        "modules_to_save",
        "peft_version",
        "qalora_group_size",
        "revision",
        "runtime_config",
        "target_modules",
        "task_type",
    }
)
"""Settings of training and loading, and those that the keys and shapes of the tensors show as well."""
_INITS = (True, False, None, "gaussian", "eva", "orthogonal", "true", "false")
"""Initialisations that leave the weights of the base model as they are."""


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """The settings of an adapter that its tensors do not show.

    Attributes:
        path: the file.
        rank: the rank of the matrices.
        ranks: pattern of module paths -> their rank instead of `rank`.
        alpha: the numerator of the scale.
        alphas: pattern of module paths -> their numerator instead of `alpha`.
        has_magnitudes: whether the adapter is one of DoRA, with a magnitude for each output.
        by_root: whether the scale is divided by the square root of the rank instead of the rank.
        fan_in_fan_out: whether some weights are stored as (in, out).
    """

    path: Path
    rank: int
    ranks: Mapping[str, int]
    alpha: float
    alphas: Mapping[str, float]
    has_magnitudes: bool
    by_root: bool
    fan_in_fan_out: bool

    def rank_of(self, module: str) -> int:
        """Return the rank of the matrices of a module, whose path is that in the model that peft adapted."""
        return next((rank for key, rank in self.ranks.items() if _fits(key, module)), self.rank)

    def scale_of(self, module: str) -> float:
        """Return the scale of a module, as peft computes it."""
        alpha = next((alpha for key, alpha in self.alphas.items() if _fits(key, module)), self.alpha)
        rank = self.rank_of(module)
        return alpha / (math.sqrt(rank) if self.by_root else rank)


def _fits(pattern: str, module: str) -> bool:
    return re.match(rf"(.*\.)?({pattern})$", module) is not None


def read_config(folder: Path) -> AdapterConfig:
    """Read the configuration of an adapter.

    Raises:
        UnreadableModel: there is none, it is damaged, it is of another method than LoRA, or a setting changes
            what the adapter computes in a way that is not supported.
    """
    path = folder / FILE
    if not path.is_file():
        raise UnreadableModel(_missing(folder))
    try:
        with path.open("rb") as stream:
            told = json.loads(stream.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        raise UnreadableModel(f"{path}: no JSON; save the adapter again") from None
    if not isinstance(told, dict):
        raise UnreadableModel(f"{path}: holds no settings; save the adapter again")
    _demand_lora(path, told)
    ranks, alphas = (_patterns(path, told, name) for name in ("rank_pattern", "alpha_pattern"))
    return AdapterConfig(
        path,
        _rank(path, "r", told.get("r")),
        {key: _rank(path, f"rank_pattern[{key!r}]", each) for key, each in ranks.items()},
        _number(path, "lora_alpha", told.get("lora_alpha")),
        {key: _number(path, f"alpha_pattern[{key!r}]", each) for key, each in alphas.items()},
        bool(told.get("use_dora")),
        bool(told.get("use_rslora")),
        bool(told.get("fan_in_fan_out")),
    )


def _missing(folder: Path) -> str:
    inner = sorted(each.parent.name for each in folder.glob(f"*/{FILE}")) if folder.is_dir() else []
    if not folder.is_dir():
        return f"{folder}: no folder of an adapter; name the folder with {FILE}"
    if inner:
        return (
            f"{folder}: holds several adapters; name one of {', '.join(str(folder / name) for name in inner)}"
        )
    return f"{folder}: holds no {FILE}; name the folder that peft's save_pretrained wrote"


def _demand_lora(path: Path, told: Mapping[str, Any]) -> None:
    """Refuse other methods than LoRA, and settings whose effect is not known."""
    if (kind := told.get("peft_type")) != "LORA":
        raise UnreadableModel(
            f"{path}: peft_type is {kind!r}, not 'LORA'; merge it by peft's merge_and_unload"
        )
    init = told.get("init_lora_weights", True)
    if init not in _INITS:
        raise UnreadableModel(
            f"{path}: init_lora_weights is {init!r}, which changes the weights of the base model too; "
            "merge it by peft's merge_and_unload, and give the result as NEW"
        )
    for name, value in told.items():
        if name not in _READ and name not in _WITHOUT_EFFECT and value:
            raise UnreadableModel(
                f"{path}: {name} is {json.dumps(value)[:60]}, which is not supported; merge it by peft's "
                "merge_and_unload, and give the result as NEW"
            )


def _patterns(path: Path, told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = told.get(name) or {}
    if not isinstance(found, dict):
        raise UnreadableModel(f"{path}: {name} is no mapping; save the adapter again")
    for pattern in found:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise UnreadableModel(
                f"{path}: {name} has {pattern!r}, no regular expression: {error}; save the adapter again"
            ) from None
    return found


def _rank(path: Path, name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UnreadableModel(f"{path}: {name} is {value!r}, no rank of at least 1; save the adapter again")
    return value


def _number(path: Path, name: str, value: object) -> float:
    try:
        number = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        number = math.inf
    if isinstance(value, bool) or not math.isfinite(number):
        raise UnreadableModel(
            f"{path}: {name} is {str(value)[:40]}, no finite number; save the adapter again"
        )
    return number
