"""Measures inferred classes of leaves (`Linear?`), with the classes that a file names hidden.

    python -m benchmarks.inferred_classes            # the fixtures
    python -m benchmarks.inferred_classes FOLDER...  # any folders of exports with a truth.json each

A guess is right if it has the last name of the true class, or is its base class in torch (`_BatchNorm` for
`BatchNorm2d`). Only leaves with nodes of their own count. The wrong guesses are listed with their numbers:
most are classes of libraries that compute what the class of torch computes (`GELUActivation` for `GELU`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import click

from rewriter import pipeline
from rewriter.evidence.settle import settle
from rewriter.modules import build
from rewriter.modules.analysis import Analysis

FIXTURES = Path(__file__).parent.parent / "fixtures" / "exports"
_DIMENSIONS = re.compile(r"(?:Nd|[123]d)?$")


def is_right(guess: str, true: str) -> bool:
    """Whether a guess has the last name of a class, apart from numbers of dimensions in its base class."""
    name, known = guess.rpartition(".")[2], true.rpartition(".")[2]
    return name == known or (name[0] == "_" and _DIMENSIONS.sub("", name[1:]) == _DIMENSIONS.sub("", known))


def without_classes(path: Path) -> Analysis:
    """Return the analysis of a file as if no evidence named a class."""

    def nameless(*arguments: Any, **named: Any) -> Any:
        return replace(settle(*arguments, **named), classes={})

    with mock.patch.object(build, "settle", nameless):
        return pipeline.load(path)


def guesses_in(folder: Path) -> Iterator[tuple[str, str, str | None]]:
    """Yield the kind of file, the true class and the guess for each leaf with nodes."""
    for told in sorted(folder.glob("**/truth.json")):
        known: dict[str, str] = {}
        for module in json.loads(told.read_text("utf-8"))["modules"]:
            known |= dict.fromkeys((module["path"], *module.get("aliases", ())), module["class"])
        for path in sorted(told.parent.glob("*.onnx")):
            for module in without_classes(path).tree:
                if module.leaf and module.nodes and known.get(module.path):
                    yield path.stem[:2], known[module.path], module.inferred_class


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folders: tuple[Path, ...]) -> None:
    """Print how many guesses are right, and how many leaves get one."""
    counts: dict[str, Counter[str]] = {}
    wrong: Counter[tuple[str, str]] = Counter()
    for folder in folders or (FIXTURES,):
        for kind, true, guess in guesses_in(folder):
            right = guess is not None and is_right(guess, true)
            of_torch = true.startswith("torch.nn.")
            count = counts.setdefault(kind, Counter())
            count.update(leaves=1, guessed=guess is not None, right=right, torch=of_torch)
            count["right of torch"] += right and of_torch
            if guess is not None and not right:
                wrong[guess.rpartition(".")[2], true] += 1
    print("| files | right of the guessed | right of all leaves | right of the leaves of torch.nn |")
    print("|---|---|---|---|")
    for kind, count in sorted(counts.items()):
        shares = ((count["right"], count["guessed"]), (count["right"], count["leaves"]))
        cells = [_share(*each) for each in (*shares, (count["right of torch"], count["torch"]))]
        print(f"| {kind} | {' | '.join(cells)} |")
    for (guess, true), number in wrong.most_common():
        print(f"{number:5} {guess}? is {true}")


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole} {100 * part / whole:.1f} %" if whole else "-"


if __name__ == "__main__":
    main()
