"""Witnesses side by side, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, NotRequired, TypedDict

from rewriter.views.json.types import Amount, Count, Keywords
from rewriter.views.sources import VERDICTS, Comparison, WitnessRow

SOURCES: Final = "rewriter.sources/1"


class SourcesWitnessVerdictsJson(TypedDict):
    """Nodes by verdict."""

    exact: Count
    ancestor: Count
    wrong: Count
    unplaced: Count


class SourcesWitnessJson(TypedDict):
    """One witness, or all together.

    Attributes:
        witness: Who.
        claimed: Nodes of which it names a module.
        agreeing: Those that stand in that very module once all were heard.
        parameters: Initializers that it names.
        classes: Modules whose class it knows.
        seconds: Wall seconds it took.
        verdicts: Number of nodes by verdict, where a truth was given.
    """

    witness: str
    claimed: Count
    agreeing: Count
    parameters: Count
    classes: Count
    seconds: Amount
    verdicts: NotRequired[SourcesWitnessVerdictsJson]


class SourcesAgreementJson(TypedDict):
    """What two witnesses say of the same nodes."""

    witnesses: Annotated[Sequence[str], Keywords(minItems=2, maxItems=2)]
    both: Count
    same: Count


class SourcesJson(TypedDict):
    """Output of `rewriter tree --compare-sources --json`.

    Attributes:
        nodes: Number of nodes of the model.
        witnesses: As they were heard, then all together.
        agreement: Pairs of witnesses: nodes of which both speak, and of which they say the same.
    """

    schema: Literal["rewriter.sources/1"]
    nodes: Count
    witnesses: Sequence[SourcesWitnessJson]
    agreement: Sequence[SourcesAgreementJson]


def sources_json(comparison: Comparison) -> SourcesJson:
    """Witnesses side by side, for `tree --compare-sources`."""
    return {
        "schema": SOURCES,
        "nodes": comparison.nodes,
        "witnesses": [_witness_json(row) for row in comparison.rows],
        "agreement": [
            {"witnesses": list(pair), "both": both, "same": same}
            for pair, (both, same) in comparison.agreement.items()
        ],
    }


def _witness_json(row: WitnessRow) -> SourcesWitnessJson:
    found: SourcesWitnessJson = {
        "witness": row.witness,
        "claimed": row.claimed,
        "agreeing": row.agreeing,
        "parameters": row.parameters,
        "classes": row.classes,
        "seconds": row.seconds,
    }
    if row.verdicts:
        exact, ancestor, wrong, unplaced = (row.verdicts[verdict] for verdict in VERDICTS)
        found["verdicts"] = {"exact": exact, "ancestor": ancestor, "wrong": wrong, "unplaced": unplaced}
    return found
