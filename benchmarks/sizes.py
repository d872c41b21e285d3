"""Measures how many elements of the weights belong to a module, and how many to the right one.

    python -m benchmarks.sizes                  # the fixtures, and a table of parameters by three tools
    python -m benchmarks.sizes FOLDER --each    # the files of a folder, with a line for every file
    python -m benchmarks.sizes FOLDER --details # list every tensor that is not in the right module

`given` is the share of the elements in a module below the root. An element in the root counts as given if
the truth puts it there, or, without truth, if the exporter listed it as a parameter of the root. The truth is
`<file>.weights.json` (see `weight_truth`) or the `truth.json` of a fixture; without either, `right` and
`above` are not known. `right` is the share in exactly the module of the parameter, `above` in a module that
holds that module. `missed` are elements of parameters that the tree counts as buffers or constants. `phantom`
are modules of the tree that the torch module does not have.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from benchmarks.exporting import FIXTURES
from benchmarks.known_owners import truth_of
from benchmarks.parameter_counts import counts
from benchmarks.reporting import environment, publish, table
from rewriter import pipeline
from rewriter.errors import RewriterError
from rewriter.evidence.metadata.dynamo import signature
from rewriter.evidence.roles import Role
from rewriter.modules.module import Tensor
from rewriter.modules.module_tree import ModuleTree
from rewriter.paths import ROOT, ModulePath

HEADER = ("", "elements", "of torch", "given", "right", "above", "elsewhere", "missed", "phantom")


@dataclass(slots=True)
class Figures:
    """The figures of one file, or the sums of several."""

    counts: Counter[str] = field(default_factory=Counter)
    files: int = 1

    def add(self, other: Figures) -> None:
        """Add the figures of another file."""
        self.counts += other.counts
        self.files += 1

    def row(self, name: str) -> tuple[object, ...]:
        """Return a row of the table."""
        of = self.counts
        known = of["right"] + of["above"] + of["elsewhere"]
        shares = [_share(of[each], known) for each in ("right", "above", "elsewhere")]
        return (
            name,
            of["elements"],
            of["torch"] or "-",
            _share(of["given"], of["elements"]),
            *shares,
            of["missed"] if known else "-",
            of["phantom"] if known else "-",
        )


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.2f}" if total else "-"


def tensors_of(tree: ModuleTree) -> dict[int, tuple[Tensor, set[ModulePath], int]]:
    """Return value -> one of its tensors, the modules that hold it, and its number of elements."""
    found: dict[int, tuple[Tensor, set[ModulePath], int]] = {}
    parts: dict[int, set[object]] = {}
    for module in tree:
        for tensor in module.tensors:
            _, owners, count = found.get(tensor.value, (tensor, set(), 0))
            new = tensor.part not in parts.setdefault(tensor.value, set())
            parts[tensor.value].add(tensor.part)
            found[tensor.value] = tensor, owners | {module.path}, count + tensor.count * new
    return found


def measure(path: Path, *, details: bool = False) -> Figures:
    """Return the figures of one file.

    Raises:
        RewriterError: the file cannot be read.
    """
    analysis = pipeline.load(path)
    tree, truth, listed = analysis.tree, truth_of(path), set(signature(analysis.graph).values())
    counts = Counter[str]()
    for tensor, owners, count in tensors_of(tree).values():
        true = truth.owners.get(tensor.name) if truth else None
        at_root = ROOT in true if true else tensor.name in listed
        verdict = _verdict(owners, true) if true else "unknown"
        if tensor.role is Role.PARAMETER:
            counts["elements"] += count
            counts["given"] += count if owners != {ROOT} or at_root else 0
            is_right = verdict == "right" or (not true and (owners != {ROOT} or at_root))
        elif truth and tensor.role is Role.CONSTANT and truth.learned.get(tensor.name) == count > 0:
            verdict, is_right = "missed", False
        else:
            continue
        counts[verdict] += count
        if details and not is_right:
            _tell(path, verdict, tensor, owners, true)
    if truth:
        counts["torch"] = truth.parameters
        counts["phantom"] = sum(module.path not in truth.modules for module in tree)
    return Figures(counts)


def _verdict(owners: set[ModulePath], true: frozenset[ModulePath]) -> str:
    """Judge the owners of a tensor."""
    if owners & true:
        return "right"
    return "above" if any(owner.holds(each) for owner in owners for each in true) else "elsewhere"


def _tell(
    path: Path,
    verdict: str,
    tensor: Tensor,
    owners: set[ModulePath],
    true: frozenset[ModulePath] | None,
) -> None:
    where = ", ".join(sorted(str(owner) or "(root)" for owner in owners))
    truly = ", ".join(sorted(str(owner) or "(root)" for owner in true or ())[:4]) or "unknown"
    size = f"{tensor.dtype}{list(tensor.shape)} ({tensor.count})"
    print(f"{verdict}\t{path.name}\t{tensor.name} {size}: {where}, truly {truly}", file=sys.stderr)


def files_of(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and of its subfolders."""
    yield from sorted(folder.rglob("*.onnx"))


def measured(folder: Path, *, each: bool, details: bool) -> str:
    """Return the table of a folder, and the share of files with nearly all elements given."""
    rows: list[tuple[object, ...]] = []
    total = Figures(files=0)
    good = 0
    for path in files_of(folder):
        try:
            figures = measure(path, details=details)
        except RewriterError as error:
            print(f"unreadable\t{path.name}\t{error}", file=sys.stderr)
            continue
        of = figures.counts
        good += of["given"] >= 0.99 * of["elements"]
        total.add(figures)
        if each:
            rows.append(figures.row(str(path.relative_to(folder).with_suffix(""))))
    rows.append(total.row("all"))
    return f"{table(HEADER, rows)}\n\n99 % of the elements are given in {good} of {total.files} files."


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True), required=False)
@click.option("--each", is_flag=True, help="A row for every file.")
@click.option("--details", is_flag=True, help="List every tensor that is not in the right module on stderr.")
def main(folder: Path | None, each: bool, details: bool) -> None:
    """Print the shares of weight elements that belong to a module over a FOLDER (default: the fixtures)."""
    text = measured(folder or FIXTURES, each=each, details=details)
    if folder:
        print(text)
        return
    about = (
        "Shares of the elements of the weights, in %; see `benchmarks/sizes.py` for the columns.\n\n"
        "`python -m benchmarks.sizes`: the fixtures"
    )
    compared = f"Parameters of the same models by three tools\n\n{counts()}"
    publish("sizes", f"# Weights of modules\n\n{environment()}\n\n{about}\n\n{text}\n\n{compared}")


if __name__ == "__main__":
    main()
