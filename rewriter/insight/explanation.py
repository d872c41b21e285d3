"""Finds the nodes that the user names, so that views can list the claims on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.basics.display import Display, listed
from rewriter.basics.nearest import fits_nothing
from rewriter.errors import UsageError
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.modules.analysis import Analysis

_LISTING = "'rewriter tree --json'"


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Display):
    """Nodes that fit a name; `analysis.claims` has the claims on each, the winner first.

    Attributes:
        analysis: the model.
        name: the name as the user wrote it.
        nodes: numbers of the nodes in the GraphIndex.
    """

    analysis: Analysis
    name: str
    nodes: tuple[int, ...]

    def _brief(self) -> str:
        claims = [claim for node in self.nodes for claim in self.analysis.claims[node]]
        said = (f"{claim.module or '(root)'} by {claim.source}" for claim in claims)
        return f"{listed([self.name])}: {listed(said)}"


def explain(analysis: Analysis, node: str) -> Explanation:
    """Find the nodes of a name, for a view of their claims.

    Args:
        analysis: the model.
        node: the name of a node, or of a value that it writes.

    Raises:
        UsageError: there is no such node; the message proposes similar names.
    """
    if found := _find(analysis.graph, node):
        return Explanation(analysis, node, found)
    file = analysis.path or "model"
    raise UsageError(f"{file}: {fits_nothing('node', node, _names(analysis.graph), where=_LISTING)}")


def _names(graph: GraphIndex) -> Iterator[str]:
    """Yield the names of nodes, then the names of the values that they write."""
    yield from graph.names
    yield from (graph.value_names[value] for outputs in graph.writes for value in outputs if value != NONE)


def _find(graph: GraphIndex, name: str) -> tuple[int, ...]:
    """Return the nodes with this name, else the nodes that write a value of this name.

    Several bodies may use a name, so there may be several nodes.
    """
    named = tuple(number for number, own in enumerate(graph.names) if own == name)
    if named or not name:
        return named
    return tuple(
        graph.producer[value]
        for value, text in enumerate(graph.value_names)
        if text == name and graph.producer[value] != NONE
    )
