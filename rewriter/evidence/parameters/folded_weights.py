"""Finds weights and biases into which a tool folded a norm that followed.

An optimiser replaces a convolution (or Gemm) and the batch norm behind it by one convolution with other
numbers. The weight may keep its name. Four signs show this:

- a record on the node: onnxscript, the optimiser of torch's dynamo exporter, writes the name of its rule;
- the name of the result: the node writes the result of the norm, which torch names `getitem`;
- the name of the bias: onnxscript makes `conv.weight_bias` if the convolution had no bias;
- the prefix of the weight: onnxruntime writes `ConvBnFusion_W_conv.weight`.

If none of them is there, the name of the node or of its result may show that nothing was folded: the
TorchScript exporter never keeps the name of a folded weight, and torch names a result after its operator.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rewriter.evidence.metadata.dynamo import INPUT_KIND, RULE_NAME
from rewriter.evidence.names.derived_names import parameter_named_by
from rewriter.evidence.names.grammar import owner_of_parameter, scope_of_node_name, scope_of_value_name
from rewriter.evidence.names.original_names import names_given
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.index.index_cache import once_per_index
from rewriter.model.metadata import get
from rewriter.paths import ModulePath

FOLDABLE = frozenset({"Conv", "ConvTranspose", "Gemm", "FusedConv"})
"""Operators into which optimisers fold the norm that follows; their operands 1 and 2 are weight and bias."""
_RULE = "FuseBatchNorm"
_OF_NORM = re.compile(r"getitem(?:_\d+)?$")
_OF_OPERATOR = re.compile(r"(?:conv\w*|_convolution|linear|addmm|val)(?:_\d+)?$")
_NUMBERED = re.compile(rf"(?:{'|'.join(sorted(FOLDABLE))})_\d+$")
_MADE = re.compile(r"Conv(?:Bn|Mul|Add)Fusion_|MatMulBnFusion_")
_NORM_BIAS = "ConvBnFusion_BN_B_"


class Fold(NamedTuple):
    """A fold of which a weight or bias is the result.

    Attributes:
        node: the node that reads it.
        is_bias: whether it is the bias of the node.
        is_new: whether the layer had no bias before.
        norm: the owner of the norm by the name of the new bias; None if that name does not tell.
    """

    node: int
    is_bias: bool
    is_new: bool
    norm: ModulePath | None

    def formula(self, parameter: str, norm: ModulePath | None) -> str:
        """Describe the result of the fold: `conv.weight * bn`, or `bn(conv.bias)` for a bias.

        Args:
            parameter: full name of the parameter.
            norm: the module of the norm; None if unknown.
        """
        by = norm or "unnamed norm"
        if not self.is_bias:
            return f"{parameter} * {by}"
        return f"{by}({0 if self.is_new else parameter})"


@once_per_index
def folds(graph: GraphIndex) -> dict[int, Fold]:
    """Return weight or bias -> the fold of which it is the result, if the file shows one."""
    found: dict[int, Fold] = {}
    for node, weight, bias in _layers(graph):
        names = [str(graph.value_names[value]) if value != NONE else "" for value in (weight, bias)]
        is_new = names[1] == f"{names[0]}_bias"
        made = [value for value, name in zip((weight, bias), names, strict=True) if _MADE.match(name)]
        rule = get(graph.nodes[node], RULE_NAME) or ""
        if is_new or _RULE in rule or _OF_NORM.match(_written(graph, node)):
            made = [weight, bias]
        norm = None
        if names[1].startswith(_NORM_BIAS):
            norm, is_new = owner_of_parameter(parameter_named_by(names[1])), True
        for value in made:
            found.setdefault(value, Fold(node, value == bias, is_new, norm))
    found.pop(NONE, None)
    return found


def doubtful(graph: GraphIndex) -> Callable[[int], bool]:
    """Return a function: whether a tool may have folded a norm into a stored tensor and left no sign.

    A layer without bias has no folded norm, since every fold leaves a bias.
    """
    names = names_given(graph)

    def is_doubtful(value: int) -> bool:
        info = graph.described.get(value)
        if info is not None and get(info, INPUT_KIND) is not None:
            return False
        return any(
            value in (weight, bias) and not _is_plain(graph, node, names[node])
            for node, weight, bias in _layers(graph, graph.readers[value])
        )

    return is_doubtful


def _layers(graph: GraphIndex, nodes: list[int] | None = None) -> Iterator[tuple[int, int, int]]:
    """Yield the nodes of foldable operators that have a bias: node, weight, bias."""
    for node in range(len(graph.nodes)) if nodes is None else nodes:
        if graph.operators[node][1] in FOLDABLE:
            read = graph.reads[node]
            if len(read) > 2 and read[2] != NONE:
                yield node, read[1], read[2]


def _is_plain(graph: GraphIndex, node: int, name: str) -> bool:
    """Whether the names of a node and of its result show that it computes its own operator alone."""
    written = _written(graph, node)
    return (
        scope_of_node_name(name) is not None
        or bool(_NUMBERED.match(str(name)))
        or scope_of_value_name(written) is not None
        or (bool(_OF_OPERATOR.match(written)) and graph.writes[node][0] not in graph.bodies[0].results)
    )


def _written(graph: GraphIndex, node: int) -> str:
    writes = graph.writes[node]
    return str(graph.value_names[writes[0]]) if writes and writes[0] != NONE else ""
