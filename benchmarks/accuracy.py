"""Measures the share of the truth that is found: modules, placements, scopes, classes, calls, names.

    python -m benchmarks.accuracy                      # the fixtures
    python -m benchmarks.accuracy FOLDER... --details  # any folders of exports with a truth.json each

Truth comes from forward hooks and from the exporter itself (see fixtures/README.md). Nodes without truth
(constants that the exporter made without a scope) are not counted. The last column leaves out the fixtures
whose `expected.toml` explains why no reader of the file could be right.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from rewriter import pipeline
from rewriter.evidence.names.scope_grammar import owner_of_parameter
from rewriter.modules.analysis import Analysis

FIXTURES = Path(__file__).parent.parent / "fixtures" / "exports"


@dataclass
class Score:
    """Number of right cases, number of all cases, and descriptions of the wrong ones."""

    right: int = 0
    total: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, right: bool, what: str) -> None:
        """Count one case; `what` describes it if it is wrong."""
        self.right += right
        self.total += 1
        if not right:
            self.wrong.append(what)

    def __str__(self) -> str:
        return f"{self.right}/{self.total} {100 * self.right / self.total:.2f} %" if self.total else "-"


MEASURES = {
    "modules found": "of the modules that truly own nodes, those found to own nodes",
    "modules true": "of the modules found to own nodes, those that truly own nodes",
    "nodes": "nodes placed in their true module",
    "scopes": "distinct scope texts (TorchScript) decoded to their true modules",
    "calls of nodes": "nodes given their true call number (TorchScript)",
    "classes": "of the named classes, those that are true",
    "inferred": "of the classes inferred from operators (`Linear?`), those with the last name of the true "
    "class",
    "leaves": "of the leaves that own nodes and have no named class, those given an inferred class",
    "calls": "of the modules with nodes, those with their true number of calls",
    "weights right": "of the anonymous weights that were named, those with the name of a parameter of their "
    "content",
    "2-d weights named": "of the anonymous 2-d weights that hold a parameter, those that were named",
}


def score(analysis: Analysis, truth: dict[str, Any], variant: str) -> dict[str, Score]:
    """Compare one file with its truth, measure by measure."""
    scores = {measure: Score() for measure in MEASURES}
    file = truth["files"][variant]
    alias = {name: m["path"] for m in truth["modules"] for name in (m["path"], *m.get("aliases", ()))}
    active = {m["path"] for m in truth["modules"] if m["calls"] or m["parameters"]}
    _score_nodes(analysis, file, alias, active, scores)
    known = {m["path"]: m for m in truth["modules"]}
    for module in analysis.tree:
        path = alias.get(module.path, module.path)
        if module.class_name:
            right = path in known and known[path]["class"] == module.class_name
            scores["classes"].add(right, f"{module.path}: {module.class_name}")
        elif module.leaf and module.nodes and path in known:
            scores["leaves"].add(module.inferred_class is not None, f"{module.path}: {known[path]['class']}")
        if module.inferred_class and path in known:
            right = known[path]["class"].rpartition(".")[2] == module.inferred_class.rpartition(".")[2]
            told = f"{module.path}: {module.shown_class}, truly {known[path]['class']}"
            scores["inferred"].add(right, told)
        if module.total_nodes and path in known and module.path == path:
            true = known[path]["calls"]
            scores["calls"].add(module.calls == true, f"{module.path}: {module.calls}, truly {true}")
    _score_weights(analysis, file, scores)
    return scores


def _score_nodes(
    analysis: Analysis,
    file: dict[str, Any],
    alias: dict[str, str],
    active: set[str],
    scores: dict[str, Score],
) -> None:
    """Score modules and placements.

    `active` are modules that hooks saw called, or that own parameters: nodes without truth may belong to
    them.
    """
    owners: set[str] = set()
    found: set[str] = set()
    scopes: dict[str, set[tuple[str, str]]] = {}
    for node, placement in zip(analysis.graph.nodes, analysis.tree.placements, strict=True):
        place = alias.get(placement.module, str(placement.module)) if placement else "(unplaced)"
        if placement:
            found.add(place)
        if node.name not in file["nodes"]:
            continue
        path, call, _class = file["nodes"][node.name]
        path = alias.get(path, path)
        owners.add(path)
        scores["nodes"].add(place == path, f"{node.name}: {place}, truly {path}")
        if call is not None and placement and place == path:
            scores["calls of nodes"].add(
                placement.call == call, f"{node.name}: {placement.call}, truly {call}"
            )
        if "scopes" in file:
            scopes.setdefault(node.name.rpartition("/")[0], set()).add((place, path))
    for path in sorted(owners):
        scores["modules found"].add(path in found, path)
    for path in sorted(found):
        scores["modules true"].add(path in owners or path in active, path)
    for scope, pairs in scopes.items():
        scores["scopes"].add(all(ours == true for ours, true in pairs), f"{scope}: {sorted(pairs)}")


def _score_weights(analysis: Analysis, file: dict[str, Any], scores: dict[str, Score]) -> None:
    named = {p.initializer: (m.path.child(p.name), p) for m in analysis.tree for p in m.parameters}
    for tensor in analysis.model.graph.initializer:
        if owner_of_parameter(tensor.name):
            continue
        truth = file["initializers"].get(tensor.name)
        if truth and len(tensor.dims) == 2:
            scores["2-d weights named"].add(tensor.name in named, f"{tensor.name}: {truth['parameter'][0]}")
        if tensor.name in named and tensor.name not in (truth["parameter"] if truth else ()):
            name, parameter = named[tensor.name]
            if name == tensor.name:
                continue
            right = bool(truth) and name in truth["parameter"] and parameter.transposed == truth["transposed"]
            scores["weights right"].add(right, f"{tensor.name}: {name}, truly {truth}")


def exports(folders: tuple[Path, ...]) -> Iterator[tuple[str, str, Analysis, dict[str, Any], bool]]:
    """Yield (model, variant, analysis, truth, undecidable) of every export below the folders."""
    for folder in folders:
        for path in sorted(folder.rglob("truth.json")):
            truth = json.loads(path.read_text("utf-8"))
            expected = path.with_name("expected.toml")
            facts = tomllib.loads(expected.read_text("utf-8")) if expected.exists() else {}
            for variant in truth["files"]:
                yield (
                    path.parent.name,
                    variant,
                    pipeline.load(path.parent / f"{variant}.onnx"),
                    truth,
                    "undecidable" in facts,
                )


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--details", is_flag=True, help="List everything that is wrong.")
def main(folders: tuple[Path, ...], details: bool) -> None:
    """Print the accuracy table over FOLDERS (default: the fixtures)."""
    totals: dict[str, dict[str, Score]] = {}
    models = Counter[str]()
    for model, variant, analysis, truth, undecidable in exports(folders or (FIXTURES,)):
        models.update((variant, "all", *(() if undecidable else ("decidable",))))
        for measure, found in score(analysis, truth, variant).items():
            for group in (variant, "all", *(() if undecidable else ("decidable",))):
                total = totals.setdefault(group, {}).setdefault(measure, Score())
                total.right += found.right
                total.total += found.total
                total.wrong += [f"{model}/{variant}: {wrong}" for wrong in found.wrong]
    if not models:
        sys.exit("no truth.json found")
    variants = [*(v for v in models if v not in ("all", "decidable")), "all", "decidable"]
    print("| | " + " | ".join(variants) + " |\n|---|" + "---|" * len(variants))
    print("| files | " + " | ".join(str(models[v]) for v in variants) + " |")
    for measure, meaning in MEASURES.items():
        print(f"| {meaning} | " + " | ".join(str(totals[v][measure]) for v in variants) + " |")
    if details:
        for measure in MEASURES:
            for wrong in totals["all"][measure].wrong:
                print(f"{measure}: {wrong}")


if __name__ == "__main__":
    main()
