"""Figures and names of modules, each with all modules below; computed on first use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from operator import attrgetter

from rewriter.errors import UsageError
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.modules.module import Module
from rewriter.modules.totals import totals
from rewriter.paths import ModulePath

_FIXED = frozenset({"Constant", "Identity"})


class ModuleContents:
    """Contents of all modules of one tree.

    Args:
        modules: the modules, depth first. The tree holds copies of them, which refer to this object.
        graph: the index of their model; None for a tree from a sidecar.
    """

    def __init__(self, modules: Mapping[ModulePath, Module], graph: GraphIndex | None) -> None:
        self._modules = modules
        self._graph = graph

    @cached_property
    def params(self) -> dict[ModulePath, int]:
        """Module -> number of parameter elements; a parameter that several modules share counts once."""
        self._of_model()
        return _with_all_below(totals(self._modules))

    @cached_property
    def bytes(self) -> dict[ModulePath, int]:
        """Module -> number of stored bytes of the same parameters."""
        self._of_model()
        return _with_all_below(totals(self._modules, of=attrgetter("size")))

    def flops(self, path: ModulePath) -> int | None:
        """Return the operations of one module and of all below; None if those of some node are unknown."""
        known = [self._flops[node] for node in self.nodes(path)]
        return None if None in known else sum(each for each in known if each is not None)

    def node_names(self, path: ModulePath) -> tuple[str, ...]:
        """Return the names of the nodes of one module and of all below, in file order."""
        names = self._of_model().names
        return tuple(names[node] for node in self.nodes(path))

    def outputs(self, path: ModulePath) -> tuple[str, ...]:
        """Return the names of the values that leave one module, with all modules below, in file order.

        Constants that Constant or Identity nodes write count only if they are outputs of the model or of a
        function, since exporters and optimisers share equal constants.
        """
        graph, inside = self._of_model(), set(self.nodes(path))
        given = {value for body in graph.bodies if body.owner == NONE for value in body.results}
        found = (
            graph.value_names[value]
            for node in sorted(inside)
            for value in graph.writes[node]
            if value in given or (value != NONE and self._leaves(node, value, inside))
        )
        return tuple(dict.fromkeys(found))

    def _leaves(self, node: int, value: int, inside: set[int]) -> bool:
        graph = self._of_model()
        fixed = value in graph.constants and graph.nodes[node].op_type in _FIXED
        return not fixed and not inside.issuperset(graph.readers[value])

    def nodes(self, path: ModulePath) -> list[int]:
        """Return the numbers of the nodes of one module and of all modules below, ascending."""
        found: list[int] = []
        stack = [path]
        while stack:
            module = self._modules[stack.pop()]
            found += module.nodes
            stack += module.children
        return sorted(found)

    @cached_property
    def _flops(self) -> list[int | None]:
        """Node -> its operations, by the shapes that the file states or that can be inferred."""
        graph = self._of_model()
        from rewriter.runtime.infer.flops import flops_of
        from rewriter.runtime.infer.shapes import infer_shapes

        found = flops_of(graph, infer_shapes(graph.model, {}))
        return [each if isinstance(each, int) else None for each in found]

    def _of_model(self) -> GraphIndex:
        if self._graph is None:
            raise UsageError("this tree is a sidecar's, which holds no model; open the model itself")
        return self._graph


def _with_all_below(figures: Mapping[ModulePath, tuple[int, int]]) -> dict[ModulePath, int]:
    return {path: total for path, (_, total) in figures.items()}
