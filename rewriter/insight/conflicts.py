"""Finds the nodes with conflicting evidence, and the witnesses on each side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rewriter.basics.display import Display, counted
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.modules.module_tree import Placement
from rewriter.modules.selection import nodes_inside
from rewriter.paths import ModulePath


@dataclass(frozen=True, slots=True)
class Conflict:
    """Node whose placement other witnesses contradict.

    Attributes:
        node: its number in the GraphIndex.
        placement: its placement, with the winning witness.
        others: contradicting module -> the witnesses that name it, in order of hearing.
    """

    node: int
    placement: Placement
    others: dict[ModulePath, tuple[str, ...]]


@dataclass(frozen=True, slots=True, repr=False)
class Conflicts(Display):
    """The conflicts of a model.

    Attributes:
        analysis: the model.
        found: the conflicts, in file order of the nodes.
    """

    analysis: Analysis
    found: tuple[Conflict, ...]

    def _brief(self) -> str:
        return counted(len(self.found), "node") + " with conflicting evidence"


def conflicts(analysis: Analysis, modules: Iterable[Module] | None = None) -> Conflicts:
    """Find the nodes with conflicting evidence.

    Args:
        analysis: the model.
        modules: look only at nodes that were placed in these modules or below; None looks at all nodes.
    """
    inside = None if modules is None else nodes_inside(analysis.tree, modules)
    return Conflicts(
        analysis,
        tuple(
            Conflict(node, placement, {other: _witnesses(analysis, node, other) for other in contradicting})
            for node, placement in enumerate(analysis.tree.placements)
            if placement is not None
            and (contradicting := placement.conflicting)
            and (inside is None or node in inside)
        ),
    )


def _witnesses(analysis: Analysis, node: int, module: ModulePath) -> tuple[str, ...]:
    losing = analysis.claims[node][1:]
    return tuple(dict.fromkeys(str(claim.source) for claim in losing if claim.module == module))
