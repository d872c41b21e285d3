"""Puts every module of every fixture back where it was, unchanged; and some modules, quantised.

    python -m benchmarks.implanting               # all fixtures; writes the results
    python -m benchmarks.implanting FILE...       # these files

An unchanged module is put back right if the certificate finds the result equal to the model, and all nodes
outside of the module have their bytes and order. Of every `EVERY`th call, onnxruntime's dynamic quantiser
changes the piece; it is put back right if the outside is proved and the result runs.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
import onnx
from onnx import ModelProto
from onnxruntime.quantization import quantize_dynamic

from benchmarks.put_back import fault_of
from benchmarks.reporting import environment, publish, table
from rewriter import pipeline
from rewriter.cutting.calls import calls_of
from rewriter.cutting.check import Checking
from rewriter.cutting.extract import Extraction, Target, plan_extractions
from rewriter.edits.implants import Assignment, implant
from rewriter.edits.pieces.border import borders_of
from rewriter.errors import RewriterError
from rewriter.modules.analysis import Analysis

FIXTURES = Path(__file__).parent.parent / "fixtures" / "exports"
CHECKING = Checking(sets=1)
EVERY = 60
RIGHT = "right"


def measure(analysis: Analysis, unchanged: Counter[str], quantised: Counter[str]) -> None:
    """Put back every call of every module of a file."""
    calls = [
        Target((module.path,), call) for module in analysis.tree for call in calls_of(analysis, module.path)
    ]
    taken: dict[Target, Extraction] = {}
    for target, found in plan_extractions(analysis, calls, CHECKING).found.items():
        if isinstance(found, Extraction):
            taken[target] = found
        else:
            unchanged[f"refused: {str(found).partition(': ')[2]}"] += 1
    borders = borders_of(analysis, list(taken), CHECKING)
    for number, (target, found) in enumerate(taken.items()):
        unchanged[fault_of(analysis, borders[target], found.model) or RIGHT] += 1
        if number % EVERY == 1:
            quantised[_quantised(analysis, target, found.model)] += 1


def _quantised(analysis: Analysis, target: Target, model: ModelProto) -> str:
    with tempfile.TemporaryDirectory() as folder:
        source, changed = Path(folder) / "piece.onnx", Path(folder) / "changed.onnx"
        onnx.save(model, source)
        try:
            quantize_dynamic(source, changed)
        except Exception as error:
            return f"not quantised: {type(error).__name__}"
        piece = pipeline.load_sorted(changed)
        try:
            found = implant(analysis, [Assignment(target.modules, piece, target.call)], checking=CHECKING)
        except RewriterError as error:
            return f"refused: {str(error).partition(': ')[2]}"
    return RIGHT if found.numeric is not None and found.numeric.taken else "not run"


def report(unchanged: Counter[str], quantised: Counter[str], files: int, seconds: float) -> str:
    """Return the results as Markdown."""
    outcomes = list(dict.fromkeys([RIGHT, *unchanged, *quantised]))
    return "\n\n".join(
        [
            "# Pieces put back",
            f"    python -m benchmarks.implanting\n\n{environment()} {files} files, {seconds:.0f} s.",
            f"Each call of each module, unchanged; every {EVERY}th, changed by onnxruntime's dynamic "
            "quantiser.",
            table(
                ["outcome", "unchanged", "quantised"],
                [
                    ["asked", unchanged.total(), quantised.total()],
                    *[[kind, unchanged[kind], quantised[kind]] for kind in outcomes],
                ],
            ),
        ]
    )


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(files: Sequence[Path]) -> None:
    """Measure FILES; without FILES, measure all fixtures and write benchmarks/results/implanting.md."""
    unchanged: Counter[str] = Counter()
    quantised: Counter[str] = Counter()
    start = time.perf_counter()
    paths = files or tuple(sorted(FIXTURES.glob("*/*.onnx")))
    for path in paths:
        measure(pipeline.load_sorted(path), unchanged, quantised)
        click.echo(f"{path.parent.name}/{path.stem} {time.perf_counter() - start:.1f} s", err=True)
    text = report(unchanged, quantised, len(paths), time.perf_counter() - start)
    if files:
        print(text)
    else:
        publish("implanting", text)


if __name__ == "__main__":
    main()
