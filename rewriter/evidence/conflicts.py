"""Finds the losing claims on a node that contradict the winner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rewriter.evidence.claims import Claim, Source
from rewriter.evidence.names.original_names import owners_given
from rewriter.model.index.graph import GraphIndex


def against_winner(claims: Sequence[Claim], supported: bool) -> list[Claim]:
    """Return the claims on a node that cannot be right if the first one is.

    Args:
        claims: the claims on the node, the winner first.
        supported: whether claims from parameters count only as support (see `only_supported`).
    """
    return [
        claim
        for claim in claims[1:]
        if contradicts(claims[0], claim) and not (supported and claim.source is Source.PARAMETER)
    ]


def only_supported(graph: GraphIndex, claims: Sequence[Sequence[Claim]]) -> Iterator[int]:
    """Yield nodes with a losing claim from a parameter, if all their named weights have further readers.

    Exporters merge equal weights under one name, so a shared weight may belong to any of its readers.
    """
    owners_for = owners_given(graph)
    for node, of_node in enumerate(claims):
        if len(of_node) > 1 and any(claim.source is Source.PARAMETER for claim in of_node[1:]):
            owners = owners_for(node)
            if all(len(graph.readers[value]) > 1 for value in graph.reads[node] if value in owners):
                yield node


def contradicts(winner: Claim, other: Claim) -> bool:
    """Whether two claims cannot both be right.

    A module may use a weight of an ancestor or a descendant (`mha` multiplies by `mha.out_proj.weight`), so
    the owner of a parameter contradicts the winner only if neither holds the other.
    """
    if other.module == winner.module:
        return False
    if other.source is Source.PARAMETER:
        return not (winner.module.holds(other.module) or other.module.holds(winner.module))
    return True
