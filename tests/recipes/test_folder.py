"""A folder with an encoder, a decoder and a decoder with a cache, rewritten in one call."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

import rewriter
from tests.batch.making import lines
from tests.recipes.running import blocks, run

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="the recipes are for a POSIX shell"),
    pytest.mark.filterwarnings("ignore"),
]
LAYERS = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("torch", "transformers"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install '.[{package}]'")
    home = tmp_path_factory.mktemp("folder")
    export(home / "export")
    run(*blocks("A folder of several models")[0], home)
    return home


def export(folder: Path) -> None:
    """What optimum writes of a model that generates: three files and a config."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(
        vocab_size=64,
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=LAYERS,
        num_heads=4,
        decoder_start_token_id=0,
        architectures=["T5ForConditionalGeneration"],
    )
    model: Any = T5ForConditionalGeneration(config).eval()
    config.save_pretrained(folder)
    tokens, states = torch.tensor([[3, 4, 5]]), torch.rand(1, 3, 32)
    past = [torch.rand(1, 4, length, 8) for _ in range(LAYERS) for length in (2, 2, 3, 3)]
    for name, module, inputs in (
        ("encoder_model", _parts(model, "encoder"), (tokens,)),
        ("decoder_model", _parts(model, "decoder"), (tokens, states)),
        ("decoder_with_past_model", _parts(model, "decoder"), (tokens[:, :1], states, *past)),
    ):
        torch.onnx.export(module, inputs, folder / f"{name}.onnx", dynamo=False, verbose=False)


def _parts(model: Any, which: str) -> Any:
    import torch
    from transformers.cache_utils import DynamicCache, EncoderDecoderCache

    class Encoder(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.encoder = model.encoder

        def forward(self, input_ids: Any) -> Any:
            return self.encoder(input_ids=input_ids).last_hidden_state

    class Decoder(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.decoder = model.decoder
            self.lm_head = model.lm_head

        def forward(self, input_ids: Any, states: Any, *past: Any) -> tuple[Any, ...]:
            cache = None
            if past:
                four = [past[start : start + 4] for start in range(0, len(past), 4)]
                sides = ([each[:2] for each in four], [each[2:] for each in four])
                cache = EncoderDecoderCache(*map(DynamicCache, sides))
                cache.is_updated = dict.fromkeys(range(len(four)), True)
            told = self.decoder(
                input_ids=input_ids,
                encoder_hidden_states=states,
                past_key_values=cache,
                use_cache=bool(past),
            )
            layers = told.past_key_values.self_attention_cache.layers if past else ()
            kept = [tensor for layer in layers for tensor in (layer.keys, layer.values)]
            return (self.lm_head(told.last_hidden_state), *kept)

    return (Encoder if which == "encoder" else Decoder)().eval()


FILES = ("encoder_model", "decoder_model", "decoder_with_past_model")


def test_the_new_folder_can_stand_in_for_the_old_one(folder: Path) -> None:
    before = {path.name for path in (folder / "export").iterdir()}
    after = {path.name for path in (folder / "export.tree").iterdir() if "rewriter-batch" not in path.name}
    assert after == before | {f"{name}.modules.json" for name in FILES}
    assert [line["status"] for line in lines(folder / "export.tree")] == ["done"] * 3
    for name in FILES:
        before_it, after_it = (folder / place / f"{name}.onnx" for place in ("export", "export.tree"))
        numeric = rewriter.verify(before_it, after_it, numbers=True).numeric
        assert numeric is not None
        assert numeric.exact


@pytest.mark.parametrize("name", FILES)
def test_the_config_told_classes(name: str, folder: Path) -> None:
    found = rewriter.load(folder / "export.tree" / f"{name}.onnx")
    part = name.partition("_")[0]
    assert found.tree.coverage == 1
    classes = {str(module.path): str(module.class_name).rpartition(".")[2] for module in found.tree}
    assert classes[part] == "T5Stack"
    for layer in range(LAYERS):
        assert classes[f"{part}.block.{layer}"] == "T5Block"
    assert classes[f"{part}.block"] == "ModuleList"
    path = str(folder / "export.tree" / f"{name}.onnx")
    assert onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).get_inputs()
