"""Counts the parameters that get their names back from a checkpoint, in files without any names.

    python -m benchmarks.naming             # the fixtures
    python -m benchmarks.naming bert --each

Files are stripped as in `benchmarks.placement`. The checkpoint is the module's state dict, saved by torch.
The truth lists the initializers that hold a parameter, whole or transposed. A name is `right` if it is one of
the parameter's names (tied weights have several). `folded` are parameters that no initializer holds
unchanged, since the exporter left them out, computed with them or fused them; they do not count as parameters
here.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import click
import onnx
import torch
from torch import nn

from benchmarks.placement import VARIANTS, damaged
from benchmarks.rebuilt import FIXTURES, rebuild
from rewriter import pipeline
from rewriter.api.side_inputs import read_evidence

MEASURES = ("right", "wrong", "unnamed", "folded")


def count(source: Path, module: nn.Module, folder: Path, *, details: bool) -> Counter[str]:
    """Return the measures of one file."""
    checkpoint = folder / "weights.bin"
    torch.save(module.state_dict(), checkpoint)
    truth = json.loads(source.with_name("truth.json").read_text("utf-8"))["files"][source.stem]
    weights = truth["initializers"]
    analysis = pipeline.load(damaged(source, "names", folder), read_evidence(checkpoint=checkpoint))
    named: dict[str, set[tuple[str, bool]]] = {}
    for claim in analysis.parameters:
        named.setdefault(claim.initializer, set()).add((claim.name, claim.transposed))
    counts = Counter[str]()
    originals = onnx.load(source, load_external_data=False).graph.initializer
    for original, stripped in zip(originals, analysis.model.graph.initializer, strict=True):
        if (true := weights.get(original.name)) is None:
            continue
        names = named.get(stripped.name, set())
        right = any((name, true["transposed"]) in names for name in true["parameter"])
        verdict = "right" if right else "wrong" if names else "unnamed"
        counts[verdict] += 1
        if details and not right:
            print(f"{verdict}\t{source.parent.name}/{source.stem}\t{names}, truly {true}", file=sys.stderr)
    held = {name for true in weights.values() for name in true["parameter"]}
    counts["folded"] = sum(name not in held for name, _ in module.named_parameters())
    return counts


def line(name: str, counts: Counter[str]) -> str:
    """Return a row of the table."""
    total = sum(counts[measure] for measure in MEASURES[:3])
    share = f"{100 * counts['right'] / total:.2f} %" if total else "-"
    return f"| {name} | {total} | {share} | {' | '.join(str(counts[each]) for each in MEASURES)} |"


@click.command()
@click.argument("names", nargs=-1)
@click.option("--each", is_flag=True, help="A row for every file.")
@click.option("--details", is_flag=True, help="List every parameter that is not right on stderr.")
def main(names: tuple[str, ...], each: bool, details: bool) -> None:
    """Print the numbers of named parameters over the fixtures NAMES (default: all)."""
    totals: dict[str, Counter[str]] = {}
    print(f"| | parameters | named right | {' | '.join(MEASURES)} |\n|---|---|---|---|---|---|---|")
    for name in names or sorted(path.parent.name for path in FIXTURES.glob("*/make.py")):
        module, _, _ = rebuild(name)
        for variant in VARIANTS:
            source = FIXTURES / name / f"{variant}.onnx"
            if not source.exists():
                continue
            with tempfile.TemporaryDirectory() as folder:
                counts = count(source, module, Path(folder), details=details)
            if each:
                print(line(f"{name}/{variant}", counts), flush=True)
            for group in (variant, "all"):
                totals[group] = totals.get(group, Counter()) + counts
    for group in (*VARIANTS, "all"):
        print(line(group, totals.get(group, Counter())))


if __name__ == "__main__":
    main()
