"""Derives the analysis of an edited model from the one before the edit; no evidence is read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import overload

from rewriter.evidence.certainty import Certainty, PlacementRule
from rewriter.evidence.claims import Claim, Source
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.modules.module_tree import ModuleTree, Placement
from rewriter.paths import ModulePath


def carry(
    analysis: Analysis, origins: Sequence[int | None], placements: Sequence[Placement | None]
) -> Analysis:
    """Return the analysis of `analysis.model` after nodes were copied or moved in it.

    Args:
        analysis: the analysis before the edit; its modules stay, with their classes and numbers of calls.
        origins: node -> its number before the edit; None for a copy.
        placements: node -> its present placement.
    """
    graph = GraphIndex(analysis.model)
    assert len(graph.nodes) == len(origins) == len(placements)
    tree = ModuleTree(_with_nodes(analysis.tree, placements), tuple(placements), graph)
    return replace(analysis, graph=graph, tree=tree, claims=_Claims(analysis.claims, origins, placements))


def _with_nodes(tree: ModuleTree, placements: Sequence[Placement | None]) -> dict[ModulePath, Module]:
    nodes: dict[ModulePath, list[int]] = {path: [] for path in tree.modules}
    for node, placement in enumerate(placements):
        if placement is not None:
            nodes[placement.module].append(node)
    totals: dict[ModulePath, int] = {}
    for module in tree.innermost_first():
        totals[module.path] = len(nodes[module.path]) + sum(totals[child] for child in module.children)
    return {
        path: replace(module, nodes=tuple(nodes[path]), total_nodes=totals[path])
        for path, module in tree.modules.items()
    }


_RULES = {Certainty.INFERRED: PlacementRule.COPIED, Certainty.GUESSED: PlacementRule.MOVED}
"""Rules of `unshare` for nodes that had no claim before the edit."""


class _Claims(Sequence[tuple[Claim, ...]]):
    """Claims after an edit: for each node, its present placement as a claim, then the claims before the edit.

    A node without a placement has no claims. The claims of a node are built each time they are read.
    """

    def __init__(
        self,
        before: Sequence[tuple[Claim, ...]],
        origins: Sequence[int | None],
        placements: Sequence[Placement | None],
    ) -> None:
        self._before = before
        self._origins = origins
        self._placements = placements

    def __len__(self) -> int:
        return len(self._origins)

    @overload
    def __getitem__(self, node: int) -> tuple[Claim, ...]: ...
    @overload
    def __getitem__(self, node: slice) -> Sequence[tuple[Claim, ...]]: ...
    def __getitem__(self, node: int | slice) -> tuple[Claim, ...] | Sequence[tuple[Claim, ...]]:
        if isinstance(node, slice):
            return [self[number] for number in range(*node.indices(len(self)))]
        if (place := self._placements[node]) is None:
            return ()
        origin = self._origins[node]
        earlier = () if origin is None else self._before[origin]
        new = Claim(node, place.module, None, Source.DATAFLOW, None, "", _RULES.get(place.certainty))
        first = earlier[0] if earlier else new
        settled = first._replace(node=node, module=place.module, class_name=None, call=place.call)
        return (settled, *(claim._replace(node=node) for claim in earlier))
