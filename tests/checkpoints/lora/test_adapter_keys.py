"""Roles of the tensors of an adapter, by their keys."""

from __future__ import annotations

import pytest

from rewriter.checkpoints.lora.adapter_keys import AdapterPart, read_key

KEYS = {
    "base_model.model.h.0.q.lora_A.weight": (AdapterPart.A, "h.0.q", ""),
    "h.0.q.lora_B.default.weight": (AdapterPart.B, "h.0.q", "default"),
    "base_model.model.h.0.q.lora_B.bias": (AdapterPart.BIAS, "h.0.q", ""),
    "base_model.model.emb.lora_embedding_A": (AdapterPart.EMBEDDING_A, "emb", ""),
    "emb.lora_embedding_B.default": (AdapterPart.EMBEDDING_B, "emb", "default"),
    "base_model.model.q.lora_magnitude_vector": (AdapterPart.MAGNITUDE, "q", ""),
    "q.lora_magnitude_vector.default.weight": (AdapterPart.MAGNITUDE, "q", "default"),
    "base_model.model.q.base_layer.bias": (AdapterPart.WHOLE, "q.bias", ""),
    "base_model.model.head.weight": (AdapterPart.WHOLE, "head.weight", ""),
    "head.modules_to_save.default.dense.weight": (AdapterPart.WHOLE, "head.dense.weight", "default"),
    "head.modules_to_save.weight": (AdapterPart.WHOLE, "head.weight", ""),
}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_has_a_part_and_a_module(key: str) -> None:
    assert read_key(key) == KEYS[key]


@pytest.mark.parametrize(
    "key", ["q.lora_A.bias", "q.lora_diag", "q.token_adapter.trainable_tokens_delta", "q.lora_C.weight"]
)
def test_other_parts_are_not_known(key: str) -> None:
    assert read_key(key) is None
