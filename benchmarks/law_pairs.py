"""Measures how many results of optimisers the laws prove, by tool, exporter and law.

    python -m benchmarks.law_pairs make DIR          # writes what each installed tool makes of each model
    python -m benchmarks.law_pairs prove DIR         # writes results/law_pairs.md
    python -m benchmarks.law_pairs prove DIR --dry   # printed only

Models are exports of the fixtures and, where torch is installed, of further architectures with random
weights. `make` leaves out pairs that are there, so that environments with other tools can add theirs.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import onnx

from benchmarks.exporting import FIXTURES, available
from benchmarks.reporting import environment, publish, table
from benchmarks.tools import Workshop
from rewriter.proof.certificate import certify
from rewriter.proof.laws.comparison import ComparedModels, compared
from rewriter.verdict.laws import Kept, LawProof
from tests.proof.laws.cases import proof

TOOLS = ("ort basic", "onnxslim", "onnxsim", "onnxscript")
EXPORTERS = ("ts", "dy")
SEEN = (
    *("bert", "resnet", "gpt2", "t5", "vit", "llama", "whisper", "mobilenet_v2", "swin", "roberta", "clip"),
    *("detr", "convnext", "mamba", "segformer"),
)
"""Architectures that laws were written for."""
HELD_OUT = ("albert", "bart", "beit", "bloom", "gpt_neox", "mpnet", "qwen2", "wav2vec2")
"""Architectures that no law was written for."""
TIMEOUT = 300.0


def extra_modules() -> dict[str, Callable[[], tuple[Any, Any]]]:
    """Return makers of the modules that are no fixtures, with their inputs."""
    import torch  # noqa: PLC0415
    from transformers import (  # noqa: PLC0415
        DetrConfig,
        DetrForObjectDetection,
        MambaConfig,
        MambaModel,
        MobileNetV2Config,
        MobileNetV2Model,
        ResNetConfig,
    )

    def mobilenet() -> tuple[Any, Any]:
        config = MobileNetV2Config(image_size=32, depth_multiplier=0.35)
        return MobileNetV2Model(config), torch.randn(2, 3, 32, 32)

    def mamba() -> tuple[Any, Any]:
        config = MambaConfig(
            vocab_size=60, hidden_size=16, state_size=4, num_hidden_layers=2, use_cache=False
        )
        return MambaModel(config), torch.arange(14).reshape(2, 7) % 60

    def detr() -> tuple[Any, Any]:
        backbone = ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", out_features=["stage2"]
        )
        config = DetrConfig(
            use_timm_backbone=False, use_pretrained_backbone=False, backbone=None, backbone_config=backbone,
            d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, num_queries=5,
        )  # fmt: skip
        return DetrForObjectDetection(config), torch.randn(2, 3, 32, 32)

    return {"mobilenet_v2": mobilenet, "mamba": mamba, "detr": detr}


def export_extra(name: str, exporter: str, path: Path) -> None:
    """Export a module that is no fixture: the first tensor of its results."""
    import torch  # noqa: PLC0415

    from fixtures.making import quietly, randomise  # noqa: PLC0415

    torch.manual_seed(0)
    module, value = extra_modules()[name]()
    randomise(module)

    class First(torch.nn.Module):  # type: ignore[misc]  # torch has no types here
        def __init__(self) -> None:
            super().__init__()
            self.model = module

        def forward(self, value: Any) -> Any:
            return self.model(value, return_dict=False)[0]

    dynamo: dict[str, Any] = {"external_data": False, "verbose": False} if exporter == "dy" else {}
    with quietly():
        torch.onnx.export(First().eval(), (value,), str(path), dynamo=exporter == "dy", **dynamo)


def sources(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the originals, copied or exported into a folder, by name of the architecture and the exporter."""
    for name in (*SEEN, *HELD_OUT):
        for exporter in EXPORTERS:
            made = folder / f"{name}.{exporter}.before.onnx"
            fixture = FIXTURES / name / f"{exporter}.onnx"
            if not made.exists() and fixture.exists():
                made.write_bytes(fixture.read_bytes())
            elif not made.exists() and available() and not (FIXTURES / name).exists():
                with contextlib.suppress(Exception):  # an exporter that fails leaves no pair
                    export_extra(name, exporter, made)
            if made.exists():
                yield f"{name}.{exporter}", made


@dataclass(frozen=True, slots=True)
class Row:
    """Result of one pair.

    Attributes:
        architecture: the architecture.
        exporter: `ts` or `dy`.
        tool: the optimiser.
        keys: whether the certificate proves it without laws.
        laws: what laws prove.
        seconds: CPU of reading the terms of both models by all laws once, without evaluations.
        alone: CPU of the certificate of the first model with itself.
    """

    architecture: str
    exporter: str
    tool: str
    keys: bool
    laws: LawProof
    seconds: float
    alone: float

    @property
    def kept(self) -> Kept:
        """Strength of the proof, by keys or by laws."""
        return Kept.BITS if self.keys else self.laws.kept


def proved(before: Path, after: Path) -> Row:
    """Prove a pair, and measure it."""
    from rewriter.proof.certificate import compare_expressions  # noqa: PLC0415
    from rewriter.proof.laws.book import ROUNDING  # noqa: PLC0415

    name, exporter, tool, *_ = after.name.split(".")
    first, second = onnx.load(before), onnx.load(after)
    keys = certify(first, second, by_position=True).equal
    start = time.process_time()
    compare_expressions(first, first)
    alone = time.process_time() - start
    start = time.process_time()
    models = compared(first, second, (None, None))
    if isinstance(models, ComparedModels):
        models.attempt(ROUNDING, {})
    seconds = time.process_time() - start
    found = LawProof(Kept.BITS) if keys else proof(first, second)
    return Row(name, exporter, tool.replace("_", " "), keys, found, seconds, alone)


def counts(rows: Sequence[Row]) -> tuple[int, ...]:
    """Return the number of pairs, and of those proved by keys, to the bit, and up to rounding."""
    kept = Counter(row.kept for row in rows)
    bits = kept[Kept.BITS]
    return len(rows), sum(row.keys for row in rows), bits, bits + kept[Kept.ROUNDED]


def report(rows: Sequence[Row]) -> str:
    """Return the page."""
    head = ("pairs", "by keys", "+ laws that keep bits", "+ laws that round")
    parts = ["# Pairs that laws prove", "", environment(), "", "Cumulative numbers of proved pairs."]
    for title, names in (("Architectures that laws were written for", SEEN), ("Held out", HELD_OUT)):
        chosen = [row for row in rows if row.architecture in names]
        lines = [
            (f"{tool}, {exporter}", *counts(group))
            for tool in TOOLS
            for exporter in EXPORTERS
            if (group := [row for row in chosen if (row.tool, row.exporter) == (tool, exporter)])
        ]
        parts += ["", f"## {title}", "", table(("tool, exporter", *head), [*lines, ("all", *counts(chosen))])]
    used = Counter(law for row in rows for law in row.laws.laws)
    parts += ["", "## Laws", "", "Pairs in whose proof each law was used.", ""]
    parts += [table(("law", "pairs"), used.most_common())]
    ratios = sorted(row.seconds / row.alone for row in rows)
    parts += [
        "",
        "CPU of numbering both models and reading their terms by all laws, without evaluations, against the "
        f"certificate of the first with itself: median {ratios[len(ratios) // 2]:.1f}, "
        f"most {ratios[-1]:.1f}.",
        "",
        "## Not proved",
        "",
        *(
            f"- {row.architecture} {row.exporter}, {row.tool}: {row.laws.reason or 'laws'}"
            for row in rows
            if row.kept is Kept.NOTHING
        ),
    ]
    return "\n".join(parts)


@click.group()
def main() -> None:
    pass


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
def make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    workshop = Workshop(folder / "cache", TIMEOUT)
    for name, source in sources(folder):
        for tool in TOOLS:
            target = folder / f"{name}.{tool.replace(' ', '_')}.after.onnx"
            if not target.exists():
                made = workshop.damage(source, tool)
                print(name, tool, made if isinstance(made, str) else "made", flush=True)
                if isinstance(made, Path):
                    target.write_bytes(made.read_bytes())


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--dry", is_flag=True, help="Print, write nothing.")
def prove(folder: Path, dry: bool) -> None:
    rows = []
    for after in sorted(folder.glob("*.after.onnx")):
        name, exporter, *_ = after.name.split(".")
        rows.append(proved(folder / f"{name}.{exporter}.before.onnx", after))
        print(rows[-1].architecture, rows[-1].exporter, rows[-1].tool, rows[-1].kept, flush=True)
    text = report(rows)
    if dry:
        print(text)
    else:
        publish("law_pairs", text)


if __name__ == "__main__":
    main()
