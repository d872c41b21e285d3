"""Groups the nodes of a file without scopes into steps: a step has the nodes of one torch operator.

The last node of an operator writes a value named after the operator (`linear_3`); the step has the number of
this node. A node before it writes values named `val_<n>`, and belongs to the step of its readers if they
are all in one step. Reshapes that a tool put around a matrix product belong to the same step as the product.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from onnx import NodeProto

from rewriter.evidence.parameters.leaf_classes import GLUE
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.index.topological_order import topological

_ON_THE_WAY = re.compile(r"val_\d+$")
_OF_A_TOOL = re.compile(r"_v_\d+$|.*_token_\d+$|gemm_(?:in|out)put_|.*_(?:gemm_out|reshape_out|reshape_in)$")
_FLAT = re.compile(r"addmm(?:_\d+)?$")
_LAYOUT = re.compile(r"(?:view|_unsafe_view|reshape|flatten|permute|t|transpose|unsqueeze|squeeze)(?:_\d+)?$")
_LAYERS = frozenset({"Gemm", "Conv", "ConvTranspose"})
_LAYS_OUT = GLUE | {"Pad"}


class Steps:
    """The nodes of a file in steps.

    Attributes:
        of: node -> its step.
        members: step -> its nodes.
        heads: the steps in topological order.
        constant: the steps that compute from constants alone.
        added: the Reshapes that a tool put before several matrix products.
        before: step -> the steps whose results it reads, without constant ones.
        behind: step -> the steps that read its results, without constant ones.
    """

    def __init__(self, graph: GraphIndex) -> None:
        self.graph = graph
        order = topological(graph)
        self.of = self._find(order)
        self.members: dict[int, list[int]] = {}
        for node, step in enumerate(self.of):
            self.members.setdefault(step, []).append(node)
        self.added = {node for node in order if self.of[node] == node and self._is_added(node)}
        self.heads = [node for node in order if self.of[node] == node]
        self.constant = {
            step for step in self.heads if all(self._is_constant(node) for node in self.members[step])
        }
        self.before = {step: tuple(dict.fromkeys(self._beside(step, -1))) for step in self.heads}
        self.behind = {step: tuple(dict.fromkeys(self._beside(step, 1))) for step in self.heads}

    def _find(self, order: list[int]) -> list[int]:
        of = list(range(len(self.graph.nodes)))
        for node in reversed(order):
            written = [str(self.graph.value_names[v]) for v in self.graph.writes[node] if v != NONE]
            readers = {of[reader] for reader in self.graph.successors(node)}
            if len(readers) == 1 and (
                (all(_ON_THE_WAY.match(name) for name in written) and not self._is_operand(node))
                or (all(_OF_A_TOOL.match(name) for name in written) and self._reshapes(node))
                or self._flattens(node)
            ):
                of[node] = readers.pop()
        return of

    def is_shared(self, step: int) -> bool:
        """Whether several operators use a step that is no operator of its own."""
        written = [str(self.graph.value_names[v]) for v in self.graph.writes[step] if v != NONE]
        return len(self.behind[step]) > 1 and all(map(_ON_THE_WAY.match, written))

    def _is_operand(self, node: int) -> bool:
        """Whether a node computes an operand of a layer, which itself only lays out and pads its input."""
        return self.graph.operators[node][1] not in _LAYS_OUT and any(
            self.graph.operators[reader][1] in _LAYERS for reader in self.graph.successors(node)
        )

    def _flattens(self, node: int) -> bool:
        """Whether a node is a Reshape before an `addmm`, or the last node of an `addmm` before a Reshape.

        Unlike `linear`, `torch.addmm` takes matrices only, so its caller reshapes before and after it.
        """
        readers = [self.graph.nodes[reader] for reader in set(self.graph.successors(node))]
        here, behind = self.graph.nodes[node], readers[0]
        return (here.op_type == "Reshape" and bool(_FLAT.match(_result(behind)))) or (
            behind.op_type == "Reshape" and bool(_FLAT.match(_result(here)))
        )

    def _reshapes(self, node: int) -> bool:
        """Whether a node is a Reshape that a tool added, or is read only by Reshapes of no torch operator."""
        if self.graph.operators[node][1] == "Reshape":
            makers = (self.graph.operators[maker][1] for maker in self.graph.predecessors(node))
            return "Transpose" not in makers  # behind a Transpose, it was merged with a Reshape of the model
        readers = [self.graph.nodes[reader] for reader in self.graph.successors(node)]
        return all(r.op_type == "Reshape" and not _LAYOUT.match(_result(r)) for r in readers)

    def _is_added(self, node: int) -> bool:
        """Whether a node is a Reshape that a tool added (see `_reshapes`)."""
        written = (str(self.graph.value_names[v]) for v in self.graph.writes[node] if v != NONE)
        reshapes = self.graph.operators[node][1] == "Reshape" and self._reshapes(node)
        return reshapes and all(map(_OF_A_TOOL.match, written))

    def _is_constant(self, node: int) -> bool:
        return all(value in self.graph.constants for value in self.graph.writes[node] if value != NONE)

    def _beside(self, step: int, direction: int) -> Iterator[int]:
        for node in self.members[step]:
            others = self.graph.predecessors(node) if direction < 0 else self.graph.successors(node)
            for other in others:
                if (beside := self.of[other]) != step and beside not in self.constant:
                    yield beside


def _result(node: NodeProto) -> str:
    return next(map(str, node.output), "")
