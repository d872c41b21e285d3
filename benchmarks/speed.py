"""Measures the speed of stations, whole verbs and other tools, in turn in one run.

`python -m benchmarks.speed` writes benchmarks/results/speed.md and speed.svg. `--quick` takes minutes: small
sizes, fewer rounds. Layered graphs of 1k to 300k nodes are made from exported fixtures, in both naming
styles, with experts, and shuffled; real exports come from transformers, if it is installed. Each measurement
runs in a new process (`speed_child`), and works take turns, since the speed of the machine varies over an
hour. `--raw FILE` keeps every sample as a line of JSON, and a later run continues from this file; `--render`
makes the table of such a file again.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks import exporting
from benchmarks.speed_samples import Samples
from benchmarks.speed_table import publish_speed
from benchmarks.speed_works import (
    DYNAMO_PEERS,
    LARGE,
    NUMBERS,
    OURS,
    PARTS,
    PEERS,
    SESSIONS,
)
from benchmarks.synthetic import layered, save_with_data, shuffled, two_layers

SMALL = 300
"""Number of nodes of the file for the first try of every work, and for the measurement of start-up."""
SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000)
QUICK_SIZES = (1_000, 10_000)
KINDS: dict[str, tuple[str, str, bool]] = {
    "torchscript": ("ts_dyn", "llama", False),
    "torchscript, shuffled": ("ts_dyn", "llama", True),
    "torchscript, experts": ("ts_dyn", "mixtral", False),
    "dynamo": ("dy_dyn", "llama", False),
    "dynamo, experts": ("dy_dyn", "mixtral", False),
}
"""Kind of graph -> variant and family of the fixture, and whether its nodes are shuffled."""
MAIN = "torchscript"
"""Kind of graph on which peers are measured."""
MOST_FOR_SESSIONS, MOST_FOR_NUMBERS = 10_000, 100_000
FEW = 2
"""Number of rounds for a work that takes longer than `SLOW` seconds of CPU."""
SLOW = 20.0


@dataclass(frozen=True, slots=True)
class Run:
    """One work on one file, with its number of rounds."""

    kind: str
    nodes: int
    work: str
    source: Path
    rounds: int


class Measuring:
    """Runner of measurements, which keeps the samples."""

    def __init__(self, folder: Path, samples: Samples, limit: float) -> None:
        self.folder = folder
        self.samples = samples
        self.limit = limit
        self.small: dict[str, Path] = {}

    def in_turn(self, runs: Iterable[Run]) -> None:
        """Take the samples of all runs, round by round; each round has its own random order."""
        waiting = list(runs)
        for number in range(max((run.rounds for run in waiting), default=0)):
            draw = random.Random(number)
            for run in draw.sample(waiting, len(waiting)):
                done = self.samples.of(run.kind, run.nodes, run.work)
                most = FEW if done and done[0].cpu > SLOW else run.rounds
                if len(done) < most and not self.samples.gave_up(run.kind, run.nodes, run.work):
                    self._take(run)

    def _take(self, run: Run) -> None:
        small = self.small[run.kind]
        command = [sys.executable, "-m", "benchmarks.speed_child", run.work, run.source, small]
        fault, sample = None, None
        try:
            done = subprocess.run(
                [str(word) for word in command],
                capture_output=True,
                text=True,
                timeout=self.limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            fault = f"> {self.limit:.0f} s"
        else:
            if done.returncode == 0:
                sample = json.loads(done.stdout.strip().splitlines()[-1])
            else:
                lines = done.stderr.strip().splitlines()
                fault = lines[-1][:200] if lines else f"code {done.returncode}"
                fault = "not installed" if fault.startswith("ModuleNotFoundError") else fault
        self.samples.add(run.kind, run.nodes, run.work, sample, fault)
        told = f"{sample['cpu']:.3f} s" if sample else fault
        click.echo(f"{run.kind} · {run.nodes:,} · {run.work}: {told}", err=True)


def synthetic(folder: Path, kind: str, nodes: int, samples: Samples) -> Path:
    """Return the file of a kind with about `nodes` nodes; make it if it does not exist."""
    variant, family, is_shuffled = KINDS[kind]
    home = folder / f"{family}-{variant}-{nodes}{'-shuffled' if is_shuffled else ''}"
    path = home / "model.onnx"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        model = layered(two_layers(variant, family), nodes)
        save_with_data(shuffled(model) if is_shuffled else model, path)
    samples.structure(kind, nodes, path.stat().st_size)
    return path


def real(folder: Path, kind: str, layers: int, hidden: int, samples: Samples) -> Path:
    """Return a real export with external weights; make it if it does not exist."""
    import onnx  # noqa: PLC0415

    variant = "ts_dyn" if kind.startswith("torchscript") else "dy_dyn"
    home = folder / f"real-{variant}-{layers}-{hidden}"
    path = home / "model.onnx"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        exporting.export("llama", variant, home / "inline.onnx", layers=layers, hidden=hidden)
        save_with_data(onnx.load(home / "inline.onnx"), path)
        (home / "inline.onnx").unlink()
    samples.structure(kind, 0, path.stat().st_size)
    samples.weights(kind, path.with_suffix(".data").stat().st_size)
    return path


def runs_on(kind: str, nodes: int, source: Path, rounds: int, peer_rounds: int) -> Iterator[Run]:
    """Return the measurements on a synthetic file."""
    works: dict[str, int] = dict.fromkeys((*OURS, *PARTS), rounds)
    if kind == MAIN:
        works |= dict.fromkeys(PEERS, peer_rounds)
        if nodes <= MOST_FOR_SESSIONS:
            works |= dict.fromkeys(SESSIONS, peer_rounds)
        if nodes <= MOST_FOR_NUMBERS:
            works |= dict.fromkeys(NUMBERS, peer_rounds)
    if kind.startswith("dynamo"):
        works |= dict.fromkeys(DYNAMO_PEERS, peer_rounds)
    return (Run(kind, nodes, work, source, count) for work, count in works.items())


def start_up(samples: Samples, small: Path, rounds: int) -> None:
    """Measure the time of whole commands, as a user would wait for them."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    commands: Mapping[str, list[str]] = {
        "rewriter --help": ["--help"],
        f"rewriter tree, {SMALL} nodes": ["tree", str(small)],
    }
    for _ in range(rounds):
        for name, words in commands.items():
            before, start = os.times(), time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "rewriter", *words],
                env=environment,
                stdout=subprocess.DEVNULL,
                check=True,
            )
            wall, after = time.perf_counter() - start, os.times()
            cpu = after[2] + after[3] - before[2] - before[3]
            samples.add("start-up", SMALL, name, {"wall": wall, "cpu": cpu}, None)


@click.command()
@click.option("--quick", is_flag=True, help="Small sizes and three rounds.")
@click.option("--sizes", default="", help="Nodes, comma-separated.")
@click.option("--kinds", default="", help=f"Of {', '.join(map(repr, KINDS))}; separated by semicolons.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--peer-rounds", type=click.IntRange(0), default=3, show_default=True)
@click.option("--limit", default=300.0, show_default=True, help="Seconds for one measurement.")
@click.option("--real/--no-real", "with_real", default=True, help="Also real exports, of about 1 GB.")
@click.option("--scratch", type=click.Path(path_type=Path), help="Folder that keeps the models.")
@click.option(
    "--raw", type=click.Path(path_type=Path), help="File that keeps every sample; the run continues from it."
)
@click.option("--render", is_flag=True, help="Only make the table of --raw again.")
def main(
    quick: bool,
    sizes: str,
    kinds: str,
    rounds: int,
    peer_rounds: int,
    limit: float,
    with_real: bool,
    scratch: Path | None,
    raw: Path | None,
    render: bool,
) -> None:
    """Measure, then write the table and the plot."""
    samples = Samples(raw)
    if not render:
        rounds, peer_rounds = (min(rounds, 3), min(peer_rounds, 1)) if quick else (rounds, peer_rounds)
        chosen = [int(size) for size in sizes.split(",") if size] or [*(QUICK_SIZES if quick else SIZES)]
        named = [kind.strip() for kind in kinds.split(";") if kind.strip()] or [*KINDS]
        with tempfile.TemporaryDirectory() as temporary:
            folder = scratch or Path(temporary)
            measuring = Measuring(folder, samples, limit)
            for kind in named:
                measuring.small[kind] = synthetic(folder, kind, SMALL, samples)
            start_up(samples, synthetic(folder, MAIN, SMALL, samples), rounds)
            for size in sorted(chosen):
                runs = [
                    run
                    for kind in named
                    for run in runs_on(
                        kind, size, synthetic(folder, kind, size, samples), rounds, peer_rounds
                    )
                ]
                measuring.in_turn(runs)
                publish_speed(samples)
            if with_real and exporting.available():
                measuring.in_turn(_real_runs(measuring, samples, quick, rounds))
    publish_speed(samples)


def _real_runs(measuring: Measuring, samples: Samples, quick: bool, rounds: int) -> list[Run]:
    found = []
    for style in ("torchscript", "dynamo"):
        kind = f"{style}, real"
        measuring.small[kind] = synthetic(measuring.folder, style, SMALL, samples)
        layers, hidden = (2, 640) if quick else (13, 1280)
        source = real(measuring.folder, kind, layers, hidden, samples)
        found += [Run(kind, 0, work, source, rounds) for work in LARGE]
    return found


if __name__ == "__main__":
    main()
