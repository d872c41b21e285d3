"""Measures the cost of grouping in onnxruntime: nodes, latency, session creation, and other numbers.

    python -m benchmarks.functions                # models exported now; without torch, the fixtures
    python -m benchmarks.functions --quick        # TorchScript BERT and Llama alone, fewer rounds
    python -m benchmarks.functions FILE...        # these files, on inputs drawn from their signatures

Every grouping is compared with the flat file without value_info, because onnxruntime does not read value_info
inside functions. A round makes a session of every kind and runs them, in random order; a second session of
the flat file is the control. Times are CPU seconds of the single thread of onnxruntime, so other work on the
machine has little influence; ratios are medians over the rounds.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

import click
import onnx

from benchmarks import exporting
from benchmarks.reporting import environment, publish, table
from benchmarks.sessions import AGAIN, AS_IS, EDITS, FLAT, KINDS, Measured, measure
from rewriter.runtime.inputs.planning import draw

GROUPED = ("per call", "shared", "shared, depth 2")
MOST_NODES, MOST_LATENCY, MOST_CREATION = 1.01, 1.01, 2.5
"""Claimed limits, as ratios to the flat file."""

Seconds = Callable[[Measured], Mapping[str, list[float]]]


def report(found: Sequence[Measured], rounds: int) -> str:
    """Return the claims and the tables as Markdown."""
    sections = [
        "# Cost of grouping at run time",
        f"    python -m benchmarks.functions\n\n{environment()} {rounds} rounds.",
        "\n".join(claims(found)),
        "Nodes of the flat file, functions, and nodes of onnxruntime's optimised graph at ORT_ENABLE_ALL:",
        table(
            ["model", "nodes", "copies", "functions per call", "shared", *KINDS[:2], *EDITS],
            [
                [
                    each.name,
                    each.written[FLAT],
                    each.written["unshared"] - each.written[FLAT],
                    each.functions["per call"],
                    each.functions["shared"],
                    *(each.nodes(kind) for kind in (AS_IS, FLAT, *EDITS)),
                ]
                for each in found
            ],
        ),
        "Latency: milliseconds of the flat file, and ratios to it:",
        _ratios(found, lambda each: each.latency, 1000),
        "Session creation: milliseconds of the flat file, and ratios to it:",
        _ratios(found, lambda each: each.creation, 1000),
        f"Each function, one per call, adds {_per_function(found):.2f} ms on average.",
        "Largest absolute difference of the outputs from those of the flat file, both at ORT_ENABLE_ALL:",
        table(
            ["model", "largest output", AS_IS, *EDITS],
            [
                [each.name, f"{each.largest:.2g}", *(f"{each.apart[kind]:.1e}" for kind in (AS_IS, *EDITS))]
                for each in found
            ],
        ),
    ]
    return "\n\n".join(sections)


def _ratios(found: Sequence[Measured], seconds: Seconds, scale: float) -> str:
    kinds = [kind for kind in KINDS if kind != FLAT]
    rows: list[list[str]] = [
        [
            each.name,
            f"{scale * median(seconds(each)[FLAT]):.1f}",
            *(f"{each.ratio(seconds(each), kind):.3f}" for kind in kinds),
        ]
        for each in found
    ]
    means = (geometric_mean(each.ratio(seconds(each), kind) for each in found) for kind in kinds)
    rows.append(["geometric mean", "", *(f"{mean:.3f}" for mean in means)])
    return table(["model", "flat, ms", *kinds], rows)


def _per_function(found: Sequence[Measured]) -> float:
    """Return the milliseconds that each function adds to session creation, with one function per call."""
    return geometric_mean(
        1000 * (median(each.creation["per call"]) - median(each.creation[FLAT])) / each.functions["per call"]
        for each in found
    )


def claims(found: Sequence[Measured]) -> Iterator[str]:
    """Yield the claims, and whether they hold."""
    kinds = ("unshared", *GROUPED)
    worst = max(abs(each.nodes(kind) / each.nodes(FLAT) - 1) for each in found for kind in kinds)
    same = sum(each.operators[kind] == each.operators[FLAT] for each in found for kind in kinds)
    yield _claim(
        worst <= MOST_NODES - 1,
        f"Optimised graphs have as many nodes as that of the flat file, within 1 %: at most {worst:.2%} "
        f"apart; they have the same operators in {same} of {len(found) * len(kinds)} files.",
    )
    copies = [each for each in found if each.written["unshared"] > each.written[FLAT]]
    kept = [each.name for each in copies if each.nodes("unshared") > each.nodes(FLAT)]
    yield _claim(
        not kept,
        f"onnxruntime removes the copies that `unshare` made: in {len(copies) - len(kept)} of "
        f"{len(copies)} models with copies{': not in ' + ', '.join(kept) if kept else ''}.",
    )
    control = [each.ratio(each.latency, AGAIN) for each in found]
    for kind in GROUPED:
        mean = geometric_mean(each.ratio(each.latency, kind) for each in found)
        over = [each.name for each in found if each.ratio(each.latency, kind) > MOST_LATENCY]
        yield _claim(
            mean <= MOST_LATENCY,
            f"Latency, {kind}: within 1 % of the flat file: {mean - 1:+.2%} on geometric average (control "
            f"{geometric_mean(control) - 1:+.2%}); over 1 % in {len(over)} of {len(found)} models"
            f"{' (' + ', '.join(over) + ')' if over else ''}, the control in "
            f"{sum(ratio > MOST_LATENCY for ratio in control)}, at worst {max(control) - 1:+.1%}.",
        )
    for kind in GROUPED:
        ratios = {each.name: each.ratio(each.creation, kind) for each in found}
        name = max(ratios, key=ratios.__getitem__)
        yield _claim(
            ratios[name] <= MOST_CREATION,
            f"Session creation, {kind}: at most {MOST_CREATION} times the flat file's: "
            f"{geometric_mean(ratios.values()):.2f} times on average, {ratios[name]:.2f} at worst ({name}).",
        )
    for kind in GROUPED:
        ratios = {
            each.name: each.ratio(each.creation, kind) / each.ratio(each.creation, AS_IS) for each in found
        }
        name = max(ratios, key=ratios.__getitem__)
        yield (
            f"- Session creation, compared with the flat file with its value_info, {kind}: "
            f"{ratios[name]:.2f} times at worst ({name})."
        )
    changed = max(each.apart[kind] / (each.largest or 1) for each in found for kind in kinds)
    yield f"- Outputs differ from those of the flat file by at most {changed:.1e} of the largest output."


def _claim(holds: bool, text: str) -> str:
    return f"- **{'holds' if holds else 'does not hold'}**: {text}"


def sources(
    files: Sequence[Path], quick: bool, folder: Path
) -> Iterator[tuple[str, Path, Mapping[str, Any]]]:
    """Yield (name, file, inputs) of all models to measure."""
    if files or not exporting.available():
        names = [f"{model}/{variant}" for model in exporting.MODELS for variant in exporting.VARIANTS]
        for path in files or [exporting.FIXTURES / f"{name}.onnx" for name in names]:
            yield f"{path.parent.name}/{path.stem}", path, draw(onnx.load(path), sets=1)[0]
        return
    for model in ("bert", "llama") if quick else exporting.MODELS:
        for variant in ("ts", "ts_dyn") if quick else exporting.VARIANTS:
            path = folder / f"{model}-{variant}.onnx"
            yield f"{model} {variant}", path, exporting.export(model, variant, path)
            path.unlink()


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--quick", is_flag=True, help="Two models by one exporter, fewer rounds; writes no results.")
@click.option("--rounds", default=15, show_default=True, help="Rounds of every model.")
def main(files: tuple[Path, ...], quick: bool, rounds: int) -> None:
    """Measure FILES; without FILES, export models, measure them and write benchmarks/results/functions.md."""
    rounds = 5 if quick else rounds
    folder = Path(tempfile.mkdtemp())
    try:
        found = []
        for name, path, feeds in sources(files, quick, folder):
            click.echo(name, err=True)
            found.append(measure(name, path, feeds, rounds))
    finally:
        shutil.rmtree(folder)
    text = report(found, rounds)
    if quick or files:
        print(text)
    else:
        publish("functions", text)


if __name__ == "__main__":
    main()
