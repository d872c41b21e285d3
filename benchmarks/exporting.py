"""Exports models to measure: transformers architectures with random weights, by both torch exporters.

torch and transformers are imported on use; without them, benchmarks measure the fixtures.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parent.parent / "fixtures" / "exports"
VARIANTS = ("ts", "ts_dyn", "dy", "dy_dyn")
"""Exporter (TorchScript or dynamo), and `_dyn` if batch and length are dynamic; the names of the fixtures."""

Tensors = Mapping[str, Any]
Made = tuple[Any, str, Tensors]
"""A module, the field of its result to keep, and its inputs by name."""


def available() -> bool:
    """Whether models can be exported here."""
    return all(importlib.util.find_spec(name) for name in ("torch", "transformers", "onnxscript"))


def export(name: str, variant: str, path: Path, **sizes: Any) -> Tensors:
    """Export one of `MODELS` to a file with inline weights.

    Args:
        name: a name in `MODELS` or `CNNS`.
        variant: one of `VARIANTS`.
        path: the file to write.
        sizes: sizes that differ from the defaults below, such as `layers=48`, and the kind of attention.

    Returns:
        The inputs of the export, as arrays.
    """
    import torch  # noqa: PLC0415

    from fixtures.making import quietly, randomise  # noqa: PLC0415

    torch.set_num_threads(1)
    torch.manual_seed(0)
    module, kept, inputs = (MODELS | CNNS)[name](**sizes)
    randomise(module)
    for parameter in module.parameters():
        parameter.data *= 0.25  # keeps results of twelve random layers finite and far from zero

    class Wrapped(torch.nn.Module):  # type: ignore[misc]  # torch has no types here
        def __init__(self) -> None:
            super().__init__()
            self.model = module

        def forward(self, *values: Any) -> Any:
            return getattr(self.model(**dict(zip(inputs, values, strict=True))), kept)

    axes = {key: _axes(key) for key in inputs} if variant.endswith("_dyn") else None
    options: dict[str, Any] = {"dynamo": False, "dynamic_axes": axes}
    if variant.startswith("dy"):
        shapes = (tuple(axes.values()),) if axes else None  # as `forward` takes them: *values
        options = {"dynamo": True, "dynamic_shapes": shapes, "external_data": False, "verbose": False}
    with quietly():
        torch.onnx.export(
            Wrapped().eval(), tuple(inputs.values()), str(path), input_names=list(inputs), **options
        )
    return {key: tensor.numpy() for key, tensor in inputs.items()}


def _axes(name: str) -> dict[int, str]:
    if name == "pixel_values":
        return {0: "batch"}
    return {0: "batch", 1: "target" if name.startswith("decoder") else "sequence"}


def _tokens(count: int, **more: Any) -> Tensors:
    import torch  # noqa: PLC0415

    ids = torch.arange(2 * count).reshape(2, count) % 900  # dynamo turns a single row into a constant
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), **more}


def _bert(layers: int = 12, hidden: int = 256, tokens: int = 48, attention: str | None = None) -> Made:
    from transformers import BertConfig, BertModel  # noqa: PLC0415

    config = BertConfig(
        attn_implementation=attention,
        vocab_size=1000,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 16,
        intermediate_size=4 * hidden,
    )
    return BertModel(config, add_pooling_layer=False), "last_hidden_state", _tokens(tokens)


def _gpt2(layers: int = 12, hidden: int = 256, tokens: int = 48) -> Made:
    from transformers import GPT2Config, GPT2LMHeadModel  # noqa: PLC0415

    config = GPT2Config(
        vocab_size=1000,
        n_positions=256,
        n_embd=hidden,
        n_layer=layers,
        n_head=hidden // 32,
        bos_token_id=0,
        eos_token_id=0,
        use_cache=False,
    )
    return GPT2LMHeadModel(config), "logits", _tokens(tokens)


def _llama(layers: int = 12, hidden: int = 256, tokens: int = 48, attention: str | None = None) -> Made:
    from transformers import LlamaConfig, LlamaForCausalLM  # noqa: PLC0415

    config = LlamaConfig(
        attn_implementation=attention,
        vocab_size=1000,
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 32,
        num_key_value_heads=hidden // 64,
        max_position_embeddings=256,
        use_cache=False,
    )
    return LlamaForCausalLM(config), "logits", _tokens(tokens)


def _vit(layers: int = 12, hidden: int = 256, image: int = 112) -> Made:
    import torch  # noqa: PLC0415
    from transformers import ViTConfig, ViTForImageClassification  # noqa: PLC0415

    config = ViTConfig(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 32,
        intermediate_size=4 * hidden,
        image_size=image,
        patch_size=16,
        num_labels=10,
    )
    return ViTForImageClassification(config), "logits", {"pixel_values": torch.rand(2, 3, image, image)}


def _t5(layers: int = 6, hidden: int = 256, tokens: int = 48) -> Made:
    import torch  # noqa: PLC0415
    from transformers import T5Config, T5Model  # noqa: PLC0415

    config = T5Config(
        attn_implementation="eager",  # dynamo cannot decompose the default implementation
        vocab_size=1000,
        d_model=hidden,
        d_kv=32,
        d_ff=4 * hidden,
        num_layers=layers,
        num_heads=hidden // 32,
        decoder_start_token_id=0,
        use_cache=False,
    )
    decoder = torch.arange(tokens).reshape(2, -1) % 900
    return T5Model(config), "last_hidden_state", _tokens(tokens, decoder_input_ids=decoder)


def _resnet() -> Made:
    import torch  # noqa: PLC0415
    from transformers import ResNetConfig, ResNetForImageClassification  # noqa: PLC0415

    config = ResNetConfig(embedding_size=16, hidden_sizes=[32, 64], depths=[2, 2], num_labels=10)
    return ResNetForImageClassification(config), "logits", {"pixel_values": torch.rand(2, 3, 64, 64)}


def _mobilenet() -> Made:
    import torch  # noqa: PLC0415
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification  # noqa: PLC0415

    config = MobileNetV2Config(depth_multiplier=0.35, num_labels=10)
    return MobileNetV2ForImageClassification(config), "logits", {"pixel_values": torch.rand(2, 3, 64, 64)}


MODELS: dict[str, Callable[..., Made]] = {
    "bert": _bert,
    "gpt2": _gpt2,
    "llama": _llama,
    "vit": _vit,
    "t5": _t5,
}
CNNS: dict[str, Callable[..., Made]] = {"resnet": _resnet, "mobilenet": _mobilenet}
