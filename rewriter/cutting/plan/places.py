"""The places where a model can be cut: before the calls of modules in the main graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.cutting.calls import calls_of_each
from rewriter.cutting.chain_parts import first_node
from rewriter.cutting.common_body import in_one_body
from rewriter.cutting.main_graph import MainGraph
from rewriter.errors import CannotCut
from rewriter.modules.analysis import Analysis
from rewriter.paths import ROOT, ModulePath


@dataclass(frozen=True, slots=True)
class CutPlace:
    """A place to cut.

    Attributes:
        module: the module that begins after the cut.
        call: number of its call; None if it is called once.
        point: the node before which the cut is.
    """

    module: ModulePath
    call: int | None
    point: int


def places_of(analysis: Analysis, main: MainGraph) -> list[CutPlace]:
    """Return the places to cut, in file order; of several modules that begin at a node, the outermost one.

    A module is left out if nodes of it are before its `first_node`, other than nodes of constants: they would
    move behind the cut. Before each place, a node depends on an input of the model: some part begins earlier.
    """
    found: dict[int, CutPlace] = {}
    for each in _all(analysis, main):
        known = found.get(each.point)
        if known is None or each.module.depth < known.module.depth:
            found[each.point] = each
    return [found[point] for point in sorted(found)]


def _all(analysis: Analysis, main: MainGraph) -> Iterator[CutPlace]:
    modules = [module.path for module in analysis.tree if module.path != ROOT and module.total_nodes]
    constant = main.graph.constants
    varying = [node for node in main.nodes if not constant.issuperset(main.written([node]))]
    for path, calls in calls_of_each(analysis, modules).items():
        for call, listed in calls.items():
            nodes = {node for node in listed if analysis.graph.body_of[node] == 0}
            if nodes - main.portable and (nodes := _whole(analysis, set(listed), nodes, path)):
                point = first_node(main, nodes)
                if varying[0] < point == next((node for node in varying if node in nodes), point):
                    yield CutPlace(path, call if len(calls) > 1 else None, point)


def _whole(analysis: Analysis, nodes: set[int], main: set[int], path: ModulePath) -> set[int]:
    """Return the nodes of a call in the main graph; none if the call computes in several bodies."""
    try:
        return main & in_one_body(analysis, nodes, path)
    except CannotCut:
        return set()
