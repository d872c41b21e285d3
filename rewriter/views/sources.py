"""What each witness says of a model by itself, how far witnesses agree, and how far they are right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rewriter.display import Display, counted, listed
from rewriter.modules.analysis import Analysis
from rewriter.paths import ModulePath

ALL = "all together"
VERDICTS = ("exact", "ancestor", "wrong", "unplaced")
"""Against the truth: the very module, one that holds it (the root included), another, none."""

Truth = Mapping[str, ModulePath]
"""Name of a node -> the module that it truly came from."""


@dataclass(frozen=True, slots=True)
class Row:
    """One witness, or all together.

    Attributes:
        witness: who, in words.
        claimed: nodes of which it names a module.
        agreeing: those of them that stand in that very module once all were heard.
        parameters: initializers that it names.
        classes: modules whose class it knows.
        verdicts: verdict -> number of nodes, over those of which the truth is known; empty without a truth.
        seconds: wall seconds it took; for all together, their sum.
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
        rows: the witnesses that said anything, as they were heard, then all together.
        agreement: (witness, witness) -> (nodes of which both speak, those of which they say the same).
    """

    nodes: int
    rows: tuple[Row, ...]
    agreement: Mapping[tuple[str, str], tuple[int, int]]

    def _brief(self) -> str:
        return listed(f"{row.witness} {row.claimed:,} of {counted(self.nodes, 'node')}" for row in self.rows)


def compare_sources(analysis: Analysis, truth: Truth | None = None) -> Comparison:
    """Set the witnesses of a model side by side.

    Args:
        analysis: the model, with all that was heard.
        truth: where its nodes truly came from, as far as that is known.
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
) -> Row:
    agreeing = sum(settled.get(node) == module for node, module in claims.items())
    verdicts = _judge(analysis, claims, truth) if truth is not None else {}
    return Row(witness, len(claims), agreeing, *counts, verdicts, seconds)


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
