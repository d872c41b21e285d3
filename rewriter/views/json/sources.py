"""Comparison of witnesses as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, NotRequired, TypedDict

from rewriter.views.json.types import Amount, Count, Keywords
from rewriter.views.witness_agreement import VERDICTS, Comparison, WitnessRow

SOURCES: Final = "rewriter.sources/1"


class SourcesWitnessVerdictsJson(TypedDict):
    """Number of nodes by verdict against the truth."""

    exact: Count
    ancestor: Count
    wrong: Count
    unplaced: Count


class SourcesWitnessJson(TypedDict):
    """One witness, or all witnesses together.

    Attributes:
        witness: Name of the witness, or `all together`.
        claimed: Number of nodes that the witness claims for a module.
        agreeing: Number of these nodes that were placed in the claimed module.
        parameters: Number of parameters that the witness finds in initializers.
        classes: Number of modules whose class the witness knows.
        seconds: Wall seconds of the witness; for all together, the sum.
        verdicts: Number of nodes of known true module, by verdict; absent without a truth.
    """

    witness: str
    claimed: Count
    agreeing: Count
    parameters: Count
    classes: Count
    seconds: Amount
    verdicts: NotRequired[SourcesWitnessVerdictsJson]


class SourcesAgreementJson(TypedDict):
    """Agreement of two witnesses.

    Attributes:
        both: Number of nodes that both claim.
        same: Number of nodes that both claim for the same module.
    """

    witnesses: Annotated[Sequence[str], Keywords(minItems=2, maxItems=2)]
    both: Count
    same: Count


class SourcesJson(TypedDict):
    """Output of `rewriter tree --compare-sources --json`.

    Attributes:
        nodes: Number of nodes of the model.
        witnesses: The witnesses that state anything, in the order in which they were heard, then all
            together.
        agreement: Agreement of each pair of witnesses that claim nodes.
    """

    schema: Literal["rewriter.sources/1"]
    nodes: Count
    witnesses: Sequence[SourcesWitnessJson]
    agreement: Sequence[SourcesAgreementJson]


def sources_json(comparison: Comparison) -> SourcesJson:
    """Convert a comparison of witnesses to JSON, for `tree --compare-sources`."""
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
