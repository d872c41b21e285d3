"""Finds the nodes whose order decides which of two equal draws of random numbers comes first.

This reads the protobuf, for lists of nodes that may be unsorted; `determinism` answers the same for an index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnx import FunctionProto, ModelProto, NodeProto

from rewriter.model.index.functions import Identity, called_by, identity_of
from rewriter.model.index.graph import graphs_of
from rewriter.model.operator_set.determinism import counts_apart_in
from rewriter.model.operator_set.operators import canonical, left_to_runtimes, versions_of


class DrawOrder:
    """Finder of the nodes that count separately in the certificate, or that hold or call such nodes."""

    def __init__(self, model: ModelProto) -> None:
        self._opsets = versions_of(model.opset_import)
        self._functions = {identity_of(function): function for function in model.functions}
        self._drawing: dict[Identity, bool] = {}

    def draws(self, nodes: Sequence[NodeProto]) -> list[int]:
        """Return the positions of such nodes in a list of the main graph or of a graph body in it."""
        return [at for at, node in enumerate(nodes) if self._draws(node, self._opsets)]

    def _draws(self, node: NodeProto, opsets: Mapping[str, int]) -> bool:
        function = self._functions.get(called_by(node))
        if function is not None and self._holds_draws(function):
            return True
        is_operator = function is None or left_to_runtimes(canonical(node.domain))
        if is_operator and counts_apart_in(node, opsets):
            return True
        bodies = (graph for attribute in node.attribute for graph in graphs_of(attribute))
        return any(self._draws(inner, opsets) for body in bodies for inner in body.node)

    def _holds_draws(self, function: FunctionProto) -> bool:
        identity = identity_of(function)
        if identity not in self._drawing:
            self._drawing[identity] = False  # for functions that call each other, which no proof accepts
            opsets = versions_of(function.opset_import)
            self._drawing[identity] = any(self._draws(node, opsets) for node in function.node)
        return self._drawing[identity]
