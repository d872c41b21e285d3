"""Compares the witnesses of a model: the nodes that each claims, and agreement and truth of the claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rewriter.basics.display import Display, counted, listed
from rewriter.modules.analysis import Analysis
from rewriter.paths import ModulePath

ALL = "all together"
VERDICTS = ("exact", "ancestor", "wrong", "unplaced")
"""Verdicts on a node: a witness claims the true module, an ancestor of it, another module, or nothing."""

Truth = Mapping[str, ModulePath]
"""Name of a node -> its true module."""


@dataclass(frozen=True, slots=True)
class WitnessRow:
    """Figures of one witness, or of all together.

    Attributes:
        witness: name of the witness, or `ALL`.
        claimed: number of nodes that the witness claims.
        agreeing: number of these nodes that were placed in the claimed module.
        parameters: number of parameters that the witness finds in initializers.
        classes: number of modules whose class the witness knows.
        verdicts: verdict -> number of nodes whose true module is known; empty without a truth.
        seconds: wall seconds of the witness; for all together, the sum.
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
    """Comparison of all witnesses of one model.

    Attributes:
        nodes: number of nodes of the model.
        rows: the witnesses that state anything, in the order in which they were heard, then all together.
        agreement: (witness, witness) -> (nodes that both claim, nodes that both claim for the same module).
    """

    nodes: int
    rows: tuple[WitnessRow, ...]
    agreement: Mapping[tuple[str, str], tuple[int, int]]

    def _brief(self) -> str:
        return listed(f"{row.witness} {row.claimed:,} of {counted(self.nodes, 'node')}" for row in self.rows)


def compare_sources(analysis: Analysis, truth: Truth | None = None) -> Comparison:
    """Compare the witnesses of a model.

    Args:
        analysis: the model, with the testimonies of all witnesses.
        truth: the true modules of nodes, by names of nodes; None without a truth.
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
