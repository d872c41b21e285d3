"""Measures how originals fit: files that a tool made from a fixture, and pairs of different fixtures.

    python -m benchmarks.fitting                 # all tools; takes long
    python -m benchmarks.fitting --every 8

`made` are files that one of the tools of `benchmarks.tools` wrote, each with its original. `other` are pairs
of different fixtures, in both orders. `by model` compares with the original itself, `by sidecar` with its
sidecar. A fit below 0.5 is refused (`rewriter/evidence/original/fit.py`).
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from benchmarks.tools import TOOLS, Workshop
from rewriter import pipeline
from rewriter.evidence.original import fit as like_fit
from rewriter.evidence.original.fit import LEAST, LikeFit, Traits
from rewriter.evidence.original.witness import Like
from rewriter.views.sidecar import document as sidecar
from rewriter.views.sidecar.original import like_sidecar

FIXTURES = Path(__file__).parent.parent / "fixtures" / "exports"
QUANTILES = (0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1)


@dataclass(frozen=True, slots=True)
class Subject:
    """Fixture, with its name, its compared traits and its sidecar."""

    name: str
    traits: Traits
    sidecar: Like

    @property
    def fixture(self) -> str:
        """The folder of the fixture."""
        return self.name.partition("/")[0]


def subjects(every: int) -> Iterator[Subject]:
    """Yield every n-th exported fixture."""
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(FIXTURES.rglob("*.onnx"))[::every]:
            analysis = pipeline.load(path)
            beside = Path(folder) / "beside.modules.json"
            beside.write_text(sidecar.write(analysis), encoding="utf-8")
            name = path.relative_to(FIXTURES).with_suffix("").as_posix()
            yield Subject(name, Traits(analysis.graph), like_sidecar(sidecar.read(beside)))


def both(ours: Traits, original: Subject) -> tuple[LikeFit, LikeFit]:
    """Return the fit by the model and by the sidecar."""
    return (
        like_fit.compare(ours, original.traits, original.name),
        like_fit.measure(ours.graph, original.sidecar),
    )


def made(everything: list[Subject], workshop: Workshop) -> Iterator[tuple[str, LikeFit, LikeFit]]:
    """Yield files that tools made, each with the fit of its original."""
    for subject in everything:
        for tool in TOOLS:
            file = workshop.damage(FIXTURES / f"{subject.name}.onnx", tool)
            if isinstance(file, Path):
                traits = Traits(pipeline.load(file).graph)
                yield (f"{subject.name}, {tool}", *both(traits, subject))


def others(everything: list[Subject]) -> Iterator[tuple[str, LikeFit, LikeFit]]:
    """Yield pairs of different fixtures, each with the fit of the second to the first."""
    for one in everything:
        for other in everything:
            if one.fixture != other.fixture:
                pair = " and ".join(sorted((one.fixture, other.fixture)))
                yield (pair, *both(one.traits, other))


def row(title: str, fits: Iterable[LikeFit]) -> str:
    """Return a row of the table."""
    shares = np.array([fit.share for fit in fits])
    cells = [f"{share:.2f}" for share in np.quantile(shares, QUANTILES)]
    return f"| {title} | {len(shares):,} | {int((shares < LEAST).sum()):,} | {' | '.join(cells)} |"


@click.command()
@click.option("--every", type=int, default=1, help="Every n-th fixture.")
@click.option("--timeout", default=120.0, help="Seconds for one tool on one file.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    default=Path(tempfile.gettempdir()) / "rewriter-damage",
    help="Folder that keeps the files of the tools.",
)
def main(every: int, timeout: float, cache: Path) -> None:
    """Print the numbers of refused originals, and the quantiles of the fit."""
    everything = list(subjects(every))
    related, unrelated = list(made(everything, Workshop(cache, timeout))), list(others(everything))
    quantiles = " | ".join(f"{quantile:.0%}" for quantile in QUANTILES)
    print(f"| | pairs | refused | {quantiles} |\n|---|---|---|{'---|' * len(QUANTILES)}")
    for title, found in (("made", related), ("other", unrelated)):
        print(row(f"{title}, by model", (by_model for _, by_model, _ in found)))
        print(row(f"{title}, by sidecar", (by_sidecar for *_, by_sidecar in found)))
    print("\nRefused, although a tool made them:\n")
    for name, by_model, by_sidecar in related:
        for how, fit in (("model", by_model), ("sidecar", by_sidecar)):
            if fit.share < LEAST:
                print(f"- {name}, by {how}: {fit.share:.2f}, {fit}")
    print("\nDifferent fixtures that fit by the model, with the number of pairs of their variants:\n")
    fitting = [(pair, fit) for pair, fit, _ in unrelated if fit.share >= LEAST]
    for pair, count in Counter(pair for pair, _ in fitting).most_common():
        best = max((fit for each, fit in fitting if each == pair), key=lambda fit: fit.share)
        said = str(best).partition(" are those of ")[0]
        print(f"- {pair} ({count}): {best.share:.2f}, {said}")


if __name__ == "__main__":
    main()
