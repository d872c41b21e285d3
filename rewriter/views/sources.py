"""Compares witnesses of a model: the claims of each alone, their agreement, and their correctness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rewriter.basics.display import Display, counted, listed
from rewriter.modules.analysis import Analysis
from rewriter.paths import ModulePath

ALL = "all together"
VERDICTS = ("exact", "ancestor", "wrong", "unplaced")
"""Verdicts against the truth: the module itself, an ancestor (the root included), another module, none."""

Truth = Mapping[str, ModulePath]
"""Name of a node -> its true module."""


@dataclass(frozen=True, slots=True)
class WitnessRow:
    """One witness, or all together.

    Attributes:
        witness: its name in words.
        claimed: number of nodes with a claim by it.
        agreeing: number of these that were placed in the claimed module in the end.
        parameters: initializers that it names.
        classes: number of modules whose class it knows.
        verdicts: verdict -> number of nodes, over nodes whose truth is known; empty without a truth.
        seconds: wall time it took; for all together, the sum.
    """

    witness: str
    claimed: int
    agreeing: int
    parameters: int
    classes: int
    verdicts: Mapping[str, int]
    seconds: float


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Display):
    """All witnesses of one model.

    Attributes:
        nodes: number of nodes of the model.
        rows: the witnesses with any claim, in order of hearing, then all together.
        agreement: (witness, witness) -> (nodes that both claim, nodes on which they agree).
    """

    nodes: int
    rows: tuple[WitnessRow, ...]
    agreement: Mapping[tuple[str, str], tuple[int, int]]

    def _brief(self) -> str:
        return listed(f"{row.witness} {row.claimed:,} of {counted(self.nodes, 'node')}" for row in self.rows)


def compare_sources(analysis: Analysis, truth: Truth | None = None) -> Comparison:
    """Compare the witnesses of a model.

    Args:
        analysis: the model, with all testimonies.
        truth: the true modules of its nodes, as far as known.
    """
    settled = {node: place.module for node, place in enumerate(analysis.tree.placements) if place is not None}
    said: dict[str, dict[int, ModulePath]] = {}
    rows = []
    for heard in analysis.heard:
        testimony = heard.testimony
        claims = {claim.node: claim.module for claim in reversed(testimony.claims)}
        if claims or testimony.parameters or testimony.classes:
            said[heard.witness] = claims
            counts = len(testimony.parameters), len(testimony.classes)
            rows.append(_row(analysis, heard.witness, claims, settled, counts, truth, heard.seconds))
    tree = analysis.tree
    counts = sum(len(module.parameters) for module in tree), sum(bool(module.class_name) for module in tree)
    seconds = sum(heard.seconds for heard in analysis.heard)
    rows.append(_row(analysis, ALL, settled, settled, counts, truth, seconds))
    return Comparison(len(tree.placements), tuple(rows), dict(_agreement(said)))


def _row(
    analysis: Analysis,
    witness: str,
    claims: Mapping[int, ModulePath],
    settled: Mapping[int, ModulePath],
    counts: tuple[int, int],
    truth: Truth | None,
    seconds: float,
) -> WitnessRow:
    agreeing = sum(settled.get(node) == module for node, module in claims.items())
    verdicts = _judge(analysis, claims, truth) if truth is not None else {}
    return WitnessRow(witness, len(claims), agreeing, *counts, verdicts, seconds)


def _judge(analysis: Analysis, claims: Mapping[int, ModulePath], truth: Truth) -> dict[str, int]:
    counts = Counter(dict.fromkeys(VERDICTS, 0))
    for node, proto in enumerate(analysis.graph.nodes):
        if (true := truth.get(proto.name)) is not None:
            counts[_verdict(claims.get(node), true)] += 1
    return dict(counts)


def _verdict(claimed: ModulePath | None, true: ModulePath) -> str:
    if claimed is None:
        return "unplaced"
    if claimed == true:
        return "exact"
    return "ancestor" if claimed.holds(true) else "wrong"


def _agreement(
    said: Mapping[str, Mapping[int, ModulePath]],
) -> Iterator[tuple[tuple[str, str], tuple[int, int]]]:
    names = [name for name, claims in said.items() if claims]
    for number, one in enumerate(names):
        for other in names[number + 1 :]:
            both = said[one].keys() & said[other].keys()
            yield (one, other), (len(both), sum(said[one][node] == said[other][node] for node in both))
