"""Adapters that are damaged or hostile, or of a kind whose effect is not known, are refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rewriter.checkpoints.lora.adapter import read_adapter
from rewriter.errors import UnreadableModel
from rewriter.model.tensors import Array
from tests.checkpoints.lora.adapters import pair, save
from tests.checkpoints.models import drawn

FC = pair("fc", 3, 4)
A, B = "fc.lora_A.weight", "fc.lora_B.weight"
NAN = np.full((2, 4), np.nan, np.float32)

SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "no rank": ({"r": 0}, "r is 0, no rank of at least 1"),
    "rank of another type": ({"r": "8"}, "r is '8', no rank of at least 1"),
    "another rank": ({"r": 8}, "fc.lora_A.weight is 2x4, and adapter_config.json states rank 8"),
    "no alpha": ({"lora_alpha": None}, "lora_alpha is None, no finite number"),
    "huge alpha": ({"lora_alpha": 10**400}, "no finite number"),
    "infinite alpha": ({"lora_alpha": float("inf")}, "lora_alpha is inf, no finite number"),
    "bad pattern": ({"alpha_pattern": {"(": 2}}, "no regular expression"),
    "pattern of no mapping": ({"rank_pattern": [1]}, "rank_pattern is no mapping"),
    "rank of a pattern": ({"rank_pattern": {"fc": -1}}, "no rank of at least 1"),
    "another method": ({"peft_type": "LOHA"}, "peft_type is 'LOHA', not 'LORA'"),
    "changed base": ({"init_lora_weights": "pissa"}, "changes the weights of the base model too"),
    "unhashable": ({"init_lora_weights": ["eva"]}, "changes the weights of the base model too"),
    "copied layers": ({"layer_replication": [[0, 2]]}, "layer_replication is .* not supported"),
    "trained tokens": ({"trainable_token_indices": [1]}, "trainable_token_indices is .* not supported"),
    "a later setting": ({"use_later": {"a": 1}}, "use_later is .* not supported"),
    "no magnitude": ({"use_dora": True}, "fc has no lora_magnitude_vector"),
}
TENSORS: dict[str, tuple[dict[str, Array], str]] = {
    "no B": ({A: FC[A]}, "fc has no lora_B"),
    "no A": ({B: FC[B]}, "fc has no lora_A"),
    "half an embedding": ({"e.lora_embedding_A": drawn(2, 6)}, "e has no lora_embedding_B"),
    "other inner sizes": ({A: FC[A], B: drawn(3, 5)}, "which are no two factors of a weight"),
    "a vector": ({A: drawn(2), B: drawn(3)}, "which are no two factors of a weight"),
    "NaN": ({A: NAN, B: FC[B]}, "fc.lora_A.weight has a number that is not finite"),
    "integers": ({A: np.ones((2, 4), np.int32), B: FC[B]}, "is int32, no floating-point type"),
    "bias of another size": (FC | {"fc.lora_B.bias": drawn(4)}, "fc has a vector of 4 for 3 outputs"),
    "part of a variant": (FC | {"fc.lora_mixture": drawn(4)}, "fc.lora_mixture is no tensor of LoRA"),
    "attention": (pair("a.base_layer.out_proj", 3, 4), "is in a MultiheadAttention"),
    "two adapters": (
        {"fc.lora_A.one.weight": FC[A], "fc.lora_B.two.weight": FC[B]},
        "holds several adapters",
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_is_not_known_to_be_right_is_refused(name: str, tmp_path: Path) -> None:
    settings, words = SETTINGS[name]
    with pytest.raises(UnreadableModel, match=words) as error:
        read_adapter(save(tmp_path, FC, **settings))
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_that_are_no_adapter_are_refused(name: str, tmp_path: Path) -> None:
    tensors, words = TENSORS[name]
    with pytest.raises(UnreadableModel, match=words) as error:
        read_adapter(save(tmp_path, tensors))
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"r": 1' + "0" * 5000 + "}"])
def test_a_configuration_that_is_no_json_is_refused(text: str, tmp_path: Path) -> None:
    folder = save(tmp_path, FC)
    (folder / "adapter_config.json").write_text(text)
    with pytest.raises(UnreadableModel, match=r"adapter_config.json: (no JSON|holds no settings)"):
        read_adapter(folder)


def test_a_folder_without_an_adapter_names_those_inside(tmp_path: Path) -> None:
    with pytest.raises(UnreadableModel, match=r"holds no adapter_config.json"):
        read_adapter(tmp_path)
    save(tmp_path / "german", FC)
    with pytest.raises(UnreadableModel, match=r"holds several adapters; name one of .*german"):
        read_adapter(tmp_path)
    with pytest.raises(UnreadableModel, match=r"no folder of an adapter"):
        read_adapter(tmp_path / "none")
    (tmp_path / "german" / "adapter_model.safetensors").unlink()
    with pytest.raises(UnreadableModel, match=r"holds none of adapter_model.safetensors, adapter_model.bin"):
        read_adapter(tmp_path / "german")


def test_the_scale_is_that_of_peft(tmp_path: Path) -> None:
    tensors = pair("a.q", 3, 4) | pair("b.q", 3, 4, rank=4) | pair("b.k", 3, 4)
    settings: dict[str, Any] = {"rank_pattern": {"b.q": 4}, "alpha_pattern": {"k": 3, "^b.q": 100}}
    scales = {each.module: each.scale for each in read_adapter(save(tmp_path, tensors, **settings)).changes}
    assert scales == {"a.q": 4, "b.q": 25, "b.k": 1.5}
    by_root = read_adapter(save(tmp_path, tensors, **settings, use_rslora=True)).times(0.5)
    assert {each.module: round(each.scale, 4) for each in by_root.changes} == {
        "a.q": round(4 / 2**0.5, 4),
        "b.q": 25,
        "b.k": round(1.5 / 2**0.5, 4),
    }


def test_names_of_the_adapter_in_its_keys_are_read_over(tmp_path: Path) -> None:
    tensors = {"fc.lora_A.default.weight": FC[A], "fc.lora_B.default.weight": FC[B]}
    found = read_adapter(save(tmp_path, tensors))
    assert [each.module for each in found.changes] == ["fc"]


def test_the_files_are_known(tmp_path: Path) -> None:
    found = read_adapter(save(tmp_path, FC))
    assert [path.name for path in found.files] == ["adapter_config.json", "adapter_model.safetensors"]
    assert json.loads(found.files[0].read_text())["peft_type"] == "LORA"
