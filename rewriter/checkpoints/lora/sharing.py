"""Finds tensors that other modules read too: an adapter of one module must not change the others."""

from __future__ import annotations

from collections.abc import Iterable

from rewriter.evidence.parameters.parameter_names import readers_of
from rewriter.modules.analysis import Analysis
from rewriter.paths import ROOT, ModulePath, common_ancestor


def other_reader(analysis: Analysis, value: int, names: Iterable[str]) -> str | None:
    """Return a module, or a node without one, that reads a tensor besides the modules of its parameters.

    A tensor that only one module reads is that module's, wherever its parameter is.

    Args:
        analysis: the model.
        value: the tensor.
        names: the parameters in it.
    """
    own = common_ancestor(ModulePath(name).parent or ROOT for name in names) or ROOT
    modules: dict[str, bool] = {}
    for node in readers_of(analysis.graph, value):
        place = analysis.tree.placements[node]
        name = str(place.module) or "the root" if place else f"the node {analysis.graph.names[node] or node}"
        modules[name] = place is not None and own.holds(place.module)
    others = [name for name, is_own in modules.items() if not is_own]
    return others[0] if others and len(modules) > 1 else None
