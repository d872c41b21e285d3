"""Every claim on a node that a user names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.basics.display import Display, listed
from rewriter.basics.nearest import fits_nothing
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.refusals import UsageError

_LISTING = "'rewriter tree --json'"


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Display):
    """The nodes that a name means; `analysis.claims` has the claims on each, the winner first.

    Attributes:
        analysis: the model.
        name: as the user wrote it.
        nodes: numbers (in the GraphIndex) of the nodes.
    """

    analysis: Analysis
    name: str
    nodes: tuple[int, ...]

    def _brief(self) -> str:
        claims = [claim for node in self.nodes for claim in self.analysis.claims[node]]
        said = (f"{claim.module or '(root)'} by {claim.source}" for claim in claims)
        return f"{listed([self.name])}: {listed(said)}"


def explain(analysis: Analysis, node: str) -> Explanation:
    """Every claim on a node, and why the winner won.

    Args:
        analysis: the model.
        node: the name of a node, or of a value that it writes.

    Raises:
        UsageError: there is no such node; the message names what is near.
    """
    if found := _find(analysis.graph, node):
        return Explanation(analysis, node, found)
    file = analysis.path or "model"
    raise UsageError(f"{file}: {fits_nothing('node', node, _names(analysis.graph), where=_LISTING)}")


def _names(graph: GraphIndex) -> Iterator[str]:
    """The names of nodes, then of the values that they write."""
    yield from graph.names
    yield from (graph.value_names[value] for outputs in graph.writes for value in outputs if value != NONE)


def _find(graph: GraphIndex, name: str) -> tuple[int, ...]:
    """Nodes of that name (different bodies may have one each), else the node that writes that value."""
    named = tuple(number for number, own in enumerate(graph.names) if own == name)
    if named or not name:
        return named
    return tuple(
        graph.producer[value]
        for value, text in enumerate(graph.value_names)
        if text == name and graph.producer[value] != NONE
    )
