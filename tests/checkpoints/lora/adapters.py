"""Small adapters, written as peft writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rewriter.checkpoints.tensors.safetensors import write_safetensors
from rewriter.checkpoints.tensors.state_dict import of_mapping
from rewriter.model.tensors import Array
from tests.checkpoints.models import drawn

PEFT = "base_model.model."
RANK = 2
SCALE = 4.0
"""The scale of adapters with `lora_alpha` 8 and rank 2."""


def save(folder: Path, tensors: Mapping[str, Array], **settings: Any) -> Path:
    """Write an adapter with these tensors, by their keys without peft's prefix."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": 8, **settings}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    entries = of_mapping({f"{PEFT}{key}": array for key, array in tensors.items()}).entries
    write_safetensors(entries, folder / "adapter_model.safetensors")
    return folder


def pair(module: str, out: int, reads: int, seed: int = 0, rank: int = RANK) -> dict[str, Array]:
    """Return the two matrices for a module with `reads` inputs and `out` outputs."""
    return {
        f"{module}.lora_A.weight": drawn(rank, reads, seed=seed + 50),
        f"{module}.lora_B.weight": drawn(out, rank, seed=seed + 51),
    }


def product(tensors: Mapping[str, Array], module: str) -> Array:
    """Return B A of a module."""
    made: Array = tensors[f"{module}.lora_B.weight"] @ tensors[f"{module}.lora_A.weight"]
    return made
