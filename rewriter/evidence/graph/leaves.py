"""Decides which further nodes may belong to a leaf, a module without submodules."""

from __future__ import annotations

from collections.abc import Sequence

from rewriter.evidence.parameters.leaf_classes import is_closed, may_feed
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ModulePath


class Leaves:
    """The leaves of a file, with the operators of the nodes that are known to be in them.

    A leaf with the operators of a complete torch module takes in front of it only operators that may be parts
    of that module (see `may_feed`): a node that feeds a linear layer is no part of the layer unless it lays
    out the input. A leaf without weights takes no node that reads a matrix.
    """

    def __init__(self, graph: GraphIndex, modules: Sequence[ModulePath | None]) -> None:
        self.graph = graph
        self._operators: dict[ModulePath, set[str]] = {}
        self._weighted: set[ModulePath] = set()
        self._dequantises = any(operator == "DequantizeLinear" for _, operator in set(graph.operators))
        for node, module in enumerate(modules):
            if module:
                if (known := self._operators.get(module)) is None:
                    known = self._operators[module] = set()
                known.add(graph.operators[node][1])
                if module not in self._weighted and self._reads_tensor(node, 1):
                    self._weighted.add(module)
        compound = {above for module in self._operators for above in module.ancestors()}
        for module in compound & self._operators.keys():
            del self._operators[module]
        self._closed = {module for module, found in self._operators.items() if is_closed(found)}

    def take(self, module: ModulePath, node: int) -> bool:
        """Whether a node that feeds a module may be a part of it; true if no leaf of that path is known."""
        if module not in self._operators:
            return True
        if module not in self._weighted and self._reads_tensor(node, 2):
            return False
        operator = self.graph.operators[node][1]
        return module not in self._closed or may_feed(operator, self._operators[module])

    def _reads_tensor(self, node: int, axes: int) -> bool:
        """Whether a node reads an initializer of at least `axes` dimensions, dequantised or not."""
        initializers = self.graph.initializers
        for value in self.graph.reads[node]:
            tensor = initializers.get(value)
            if tensor is None and self._dequantises:
                tensor = initializers.get(self._stored(value))
            if tensor is not None and len(tensor.dims) >= axes:
                return True
        return False

    def _stored(self, value: int) -> int:
        """Return the value from which a DequantizeLinear makes a value; the value itself without one."""
        maker = self.graph.producer[value] if value != NONE else NONE
        if maker != NONE and self.graph.operators[maker][1] == "DequantizeLinear" and self.graph.reads[maker]:
            return self.graph.reads[maker][0]
        return value
