"""Makes the original of `--like` from an analysed model or from a sidecar."""

from __future__ import annotations

from rewriter.evidence.certainty import weakest
from rewriter.evidence.claims import Holds, ParameterClaim, Source
from rewriter.evidence.original.witness import Like, Place
from rewriter.modules.analysis import Analysis
from rewriter.modules.module_tree import ModuleTree
from rewriter.paths import ModulePath
from rewriter.views.sidecar.document import Sidecar


def like_analysis(analysis: Analysis) -> Like:
    """Return a model as original, with nodes, edges and tree."""
    places = tuple(
        Place(placement.module, placement.call, placement.certainty) if placement else None
        for placement in analysis.tree.placements
    )
    parameters, modules = _parameters(analysis.tree), _modules(analysis.tree)
    name = str(analysis.path) if analysis.path else "the original"
    return Like(analysis.graph, places, {}, {}, parameters, *modules, name=name)


def like_sidecar(sidecar: Sidecar) -> Like:
    """Return a sidecar as original, with its tree and its names of nodes and values."""
    nodes: dict[str, Place] = {}
    values: dict[str, Place] = {}
    for path, module in sidecar.tree.modules.items():
        for name, node in zip(sidecar.node_names[path], module.nodes, strict=True):
            placement = sidecar.tree.placements[node]
            if placement is not None:
                nodes.setdefault(name, Place(path, placement.call, placement.certainty))
        found = (placement for node in module.nodes if (placement := sidecar.tree.placements[node]))
        certainty = weakest(placement.certainty for placement in found)  # values are listed by module
        for name in sidecar.value_names[path]:
            values.setdefault(name, Place(path, None if module.calls > 1 else 0, certainty))
    parameters, modules = _parameters(sidecar.tree), _modules(sidecar.tree)
    shapes = {
        held.initializer: held.shape
        for module in sidecar.tree
        for held in module.parameters
        if held.part is None
    }
    name = sidecar.file or "the original"
    return Like(
        None, (), nodes, values, parameters, *modules, name=name, order=_order(sidecar), shapes=shapes
    )


def _order(sidecar: Sidecar) -> tuple[str, ...]:
    """Return names of values in file order, as far as the sidecar tells.

    A sidecar lists values per module, not per node, so the n-th value is assigned to the n-th node
    of the module, and all further values to its last node.
    """
    placed: list[tuple[int, str]] = []
    for path, module in sidecar.tree.modules.items():
        last = len(module.nodes) - 1
        names = sidecar.value_names[path]
        placed += [(module.nodes[min(at, last)], name) for at, name in enumerate(names) if last >= 0]
    return tuple(name for _, name in sorted(placed, key=lambda each: each[0]))


def _parameters(tree: ModuleTree) -> tuple[ParameterClaim, ...]:
    return tuple(
        ParameterClaim(
            held.initializer,
            module.path.child(held.name),
            held.transposed,
            Source.LIKE,
            held.part,
            holds=None if held.holds is Holds.UNKNOWN else held.holds,
            formula=held.formula,
            detail=held.differs,
        )
        for module in tree
        for held in module.parameters
    )


def _modules(tree: ModuleTree) -> tuple[dict[ModulePath, str | None], dict[ModulePath, int]]:
    return {m.path: m.class_name for m in tree}, {m.path: m.calls for m in tree}
