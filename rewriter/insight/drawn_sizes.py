"""Weights of modules, for views that draw modules in proportion to a figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rewriter.evidence.claims import InitializerSlice
from rewriter.evidence.roles import Role
from rewriter.modules.analysis import Analysis
from rewriter.modules.module_tree import ModuleTree
from rewriter.options.words import Measure
from rewriter.paths import ROOT, ModulePath


@dataclass(frozen=True, slots=True)
class Weighing:
    """Weights by module: a figure such as parameters, FLOPs or time.

    Attributes:
        name: name of the figure.
        own: module -> its own weight, without the modules below; a missing module weighs 0.
        unit: a unit of speedscope: `none`, `bytes`, `nanoseconds`, `microseconds`, `milliseconds`, `seconds`.
        of_node: node -> its weight, or None if that is unknown; None if only modules have weights.
    """

    name: str
    own: Mapping[ModulePath, float]
    unit: str = "none"
    of_node: Mapping[int, float | None] | None = None

    def at(self, analysis: Analysis) -> dict[int, float | None]:
        """Return the weight of every placed node.

        Without weights of nodes, the weight of a module is divided equally among its nodes.
        """
        if self.of_node is not None:
            return dict(self.of_node)
        return {
            node: self.own.get(module.path, 0) / len(module.nodes)
            for module in analysis.tree
            for node in module.nodes
        }


def weigh(analysis: Analysis, measure: Measure, node_flops: list[int | str] | None = None) -> Weighing:
    """Return the weights of one measure; a shared parameter counts for its first owner alone.

    Args:
        analysis: the model.
        measure: the figure.
        node_flops: node -> its FLOPs, or the reason why they are unknown; needed for `FLOPS` alone.
    """
    if measure in (Measure.PARAMETERS, Measure.BYTES):
        return _parameters(analysis, measure)
    of_node: dict[int, float | None] = {}
    for module in analysis.tree:
        for node in module.nodes:
            flops = node_flops[node] if node_flops is not None and measure is Measure.FLOPS else 1
            of_node[node] = flops if isinstance(flops, int) else None
    own = {module.path: sum(of_node[node] or 0 for node in module.nodes) for module in analysis.tree}
    return Weighing(measure.value, own, of_node=of_node)


def _parameters(analysis: Analysis, measure: Measure) -> Weighing:
    seen: set[tuple[int, InitializerSlice | None]] = set()
    own: dict[ModulePath, float] = {}
    readers = _first_readers(analysis)
    of_node: dict[int, float | None] = dict.fromkeys(
        (node for module in analysis.tree for node in module.nodes), 0
    )
    for module in analysis.tree:
        for tensor in module.tensors:
            if tensor.role is not Role.PARAMETER or (tensor.value, tensor.part) in seen:
                continue
            seen.add((tensor.value, tensor.part))
            weight = tensor.size if measure is Measure.BYTES else tensor.count
            own[module.path] = own.get(module.path, 0) + weight
            if (reader := readers.get(tensor.name)) in of_node and reader is not None:
                of_node[reader] = (of_node[reader] or 0) + weight
    return Weighing(measure.value, own, "bytes" if measure is Measure.BYTES else "none", of_node)


def _first_readers(analysis: Analysis) -> dict[str, int]:
    """Return name of a value of the main graph -> the first node that reads it."""
    graph = analysis.graph
    return {
        name: graph.readers[value][0]
        for name, value in graph.bodies[0].values.items()
        if graph.readers[value]
    }


def with_ancestors(tree: ModuleTree, chosen: Iterable[ModulePath]) -> dict[ModulePath, ModulePath]:
    """Return module -> the module that shows it.

    The root, chosen modules and their ancestors are shown; others are part of their nearest shown ancestor.
    """
    shown = {ROOT}
    for path in chosen:
        shown.update((path, *path.ancestors()))
    home: dict[ModulePath, ModulePath] = {}
    for module in tree:
        home[module.path] = module.path if module.path in shown else home[module.parent or ROOT]
    return home
