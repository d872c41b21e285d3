"""Compares the exports among the fixtures with their torch modules: no alarm if equal, and faults found.

    python -m benchmarks.torch_faults              # the fixtures that may be looked at
    python -m benchmarks.torch_faults --held-out   # every third fixture, apart
    python -m benchmarks.torch_faults --write      # both, into results/torch_faults.md

It needs torch and transformers. Each module is made as the fixture was made, with the weights of its files. A
seed chooses a file, a kind of fault and a node; a fault that changes no output of the file by more than the
tolerance, on the inputs of the module, is no case and is counted apart.

An alarm on computed_weights is right: its module has a buffer of fresh random numbers, unlike the file.
"""

from __future__ import annotations

import importlib.util
import random
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from onnx import ModelProto

from benchmarks.faults import EXPORTS, results
from benchmarks.faulty import KINDS
from benchmarks.reporting import environment, publish, table
from rewriter import pipeline
from rewriter.errors import UsageError
from rewriter.evidence.trace.recording import Trace
from rewriter.evidence.trace.sample_inputs import feeds_of
from rewriter.insight.comparison.module_diff import Diff
from rewriter.model.storage.external_data import external_locations
from rewriter.modules.analysis import Analysis
from rewriter.options.words import TOLERANCE

CASES = 100
_HELD_OUT = 3
"""Every third fixture is held out."""
_MOST_TRIES = 200


class Fixture(NamedTuple):
    """Torch module of a fixture, and its inputs in order."""

    module: Any
    inputs: tuple[Any, ...]


class Fault(NamedTuple):
    """Fault in a module of an export, and the module that was named."""

    export: str
    kind: str
    module: str
    named: str | None


@cache
def made(folder: Path) -> Fixture | None:
    """Make the module of a fixture as its make.py does; None for one that is no plain module."""
    from fixtures.making import randomise  # noqa: PLC0415 - needs torch

    spec = importlib.util.spec_from_file_location(f"make_{folder.name}", folder / "make.py")
    assert spec is not None
    assert spec.loader is not None
    code: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(code)
    taken: list[tuple[Any, Any, Any]] = []
    code.make = lambda _, module, inputs, options=None: taken.append((module, inputs, options))
    code.run()
    module, inputs, options = taken[0]
    if options is not None and (options.training or options.script):
        return None
    randomise(module)
    return Fixture(module.eval(), tuple(inputs.values()))


def exports(*, held_out: bool) -> list[Path]:
    """Return the files to choose from."""
    folders = sorted(path.parent for path in EXPORTS.glob("*/make.py"))
    chosen = [folder for at, folder in enumerate(folders) if (at % _HELD_OUT == _HELD_OUT - 1) == held_out]
    files = (folder / f"{variant}.onnx" for folder in chosen for variant in ("ts", "dy"))
    return [path for path in files if path.exists() and made(path.parent) is not None]


def compared(source: Any, folder: Path) -> Diff:
    """Compare a model with the module of a fixture."""
    fixture = made(folder)
    assert fixture is not None
    return pipeline.diff_with_module(source, fixture.module, (fixture.inputs,), name=folder.name)


def equal_exports(paths: list[Path]) -> Iterator[list[str]]:
    """Yield file, verdict and what is named, of the files as they are."""
    for path in paths:
        found = compared(path, path.parent)
        numbers = found.numbers
        assert numbers is not None
        verdict = "equal" if found.equal else numbers.skipped or "alarm"
        if numbers.random_calls(TOLERANCE) and found.first is None:
            verdict = "not known: random numbers"
        yield [f"{path.parent.name}/{path.stem}", verdict, str(found.first.path) if found.first else ""]


def fault_of(seed: int, paths: list[Path], discarded: Counter[str]) -> Fault:
    """Return the case of a seed: draw until a fault changes an output of the file."""
    rng = random.Random(seed)
    for _ in range(_MOST_TRIES):
        path, kind = rng.choice(paths), rng.choice(list(KINDS))
        analysis = _loaded(path)
        node = rng.randrange(len(analysis.graph.nodes))
        place = analysis.tree.placements[node]
        faulty = None
        if place is not None and not analysis.graph.body_of[node]:
            faulty = KINDS[kind](analysis.model, analysis, node, rng)
        if place is None or faulty is None or external_locations(faulty):
            continue
        if not _shows(analysis, faulty, path.parent):
            discarded[kind] += 1
            continue
        first = compared(faulty, path.parent).first
        name = f"{path.parent.name}/{path.stem}"
        return Fault(name, kind, str(place.module), None if first is None else str(first.path))
    raise SystemExit(f"seed {seed}: no fault found in {_MOST_TRIES} tries")


@cache
def _loaded(path: Path) -> Analysis:
    return pipeline.load(path)


def _shows(analysis: Analysis, faulty: ModelProto, folder: Path) -> bool:
    fixture = made(folder)
    assert fixture is not None
    given = tuple(("", tensor.numpy()) for tensor in fixture.inputs)
    try:
        feeds = feeds_of(analysis.model, Trace((), given))
    except UsageError:
        return False
    before, after = (results(analysis, each, (), feeds) for each in (analysis.model, faulty))
    for one, other in zip(before, after, strict=True):
        if one.dtype.kind == "f" and one.size and one.shape == other.shape:
            far = float(np.abs(one - other).max())
            if far > 2 * TOLERANCE * max(float(np.abs(one).max()), 1e-3):
                return True
    return False


def report(paths: list[Path], cases: int) -> str:
    """Return the tables of equal exports and of faults, as Markdown."""
    alarms = list(equal_exports(paths))
    counts = Counter(verdict for _, verdict, _ in alarms)
    discarded: Counter[str] = Counter()
    quiet = [path for path, (_, verdict, _) in zip(paths, alarms, strict=True) if verdict == "equal"]
    found = [fault_of(seed, quiet, discarded) for seed in range(cases)]
    rows = [
        [kind, sum(each.module == each.named for each in row), len(row)]
        for kind in (*KINDS, "all")
        if (row := [each for each in found if kind in (each.kind, "all")])
    ]
    dropped = ", ".join(f"{count} {kind}" for kind, count in discarded.items()) or "none"
    return "\n\n".join(
        [
            table(["files as they are", "number"], [[verdict, count] for verdict, count in counts.items()]),
            table(["fault", "module named", "faults"], rows),
            f"Faults that change no output of the file by more than the tolerance, not counted: {dropped}.",
            *(f"- {' '.join(row)}" for row in alarms if row[1] != "equal"),
            *(f"- {each}" for each in found if each.module != each.named),
        ]
    )


@click.command()
@click.option("--cases", default=CASES, show_default=True)
@click.option("--held-out", is_flag=True, help="Only the fixtures that are held out.")
@click.option("--write", is_flag=True, help="Write both tables to results/torch_faults.md.")
def main(cases: int, held_out: bool, write: bool) -> None:
    warnings.simplefilter("ignore")
    if not write:
        click.echo(report(exports(held_out=held_out), cases))
        return
    parts = [report(exports(held_out=held), cases) for held in (False, True)]
    title = "# Does `diff` against torch name the module with a fault?"
    command = "    python -m benchmarks.torch_faults --write"
    titles = (title, command, environment(), "## Fixtures that were looked at")
    publish("torch_faults", "\n\n".join((*titles, parts[0], "## Held-out fixtures", parts[1])))


if __name__ == "__main__":
    main()
