"""Finds weights and biases into which a tool folded a norm that followed, and those where it is in doubt.

An optimiser replaces a convolution (or Gemm) and the batch norm behind it by one convolution with other
numbers. The weight may keep its name. Four signs show this:

- a record on the node: onnxscript, the optimiser of torch's dynamo exporter, writes the name of its rule;
- the name of the result: the node writes the result of the norm, which torch names `getitem`;
- the name of the bias: onnxscript makes `conv.weight_bias` if the convolution had no bias;
- the prefix of the weight or bias: onnxruntime writes `ConvBnFusion_W_conv.weight`.

Without such a sign, names may show that nothing was folded. The TorchScript exporter never keeps the name of
a folded weight. The dynamo exporter names a node after its operator in torch (`node_conv2d_3`), but a node
that onnxscript made after its operator in ONNX (`node_Conv_31`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from rewriter.evidence.metadata.dynamo import INPUT_KIND, RULE_NAME
from rewriter.evidence.names.derived_names import is_of_folded_norm, parameter_named_by
from rewriter.evidence.names.original_names import names_given
from rewriter.evidence.names.scope_grammar import owner_of_parameter, scope_of_node_name, scope_of_value_name
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.metadata import get
from rewriter.paths import ModulePath

_FOLDABLE = frozenset({"Conv", "ConvTranspose", "Gemm", "FusedConv", "FusedGemm"})
"""Operators into which optimisers fold the norm that follows; their operands 1 and 2 are weight and bias."""
_QUANTISED = frozenset({"ConvInteger", "MatMulInteger"})
_ADDING = frozenset({"Add", "Reshape"})
"""Operators that read the bias of a layer whose product is one of `_QUANTISED`."""

_RULE = "FuseBatchNorm"
_OF_NORM = re.compile(r"getitem(?:_\d+)?$")
_OF_LAYER = re.compile(r"(?:conv\w*|_convolution|linear|addmm|val)(?:_\d+)?$")
_PLAIN = re.compile(r"(?:fused )?node_(?:[a-z_]|MatMul_)|val_\d|(?:Conv|ConvTranspose|Gemm)_\d+$")
_MADE = re.compile(r"(ConvBn|ConvMul|ConvAdd|MatMulBn)Fusion_(?:(?:BN_|Mul_|Add_)?[WB]_)?")
_CONSTANTS = {"ConvMul": "* unnamed factor", "ConvAdd": "+ unnamed summand"}
_BIAS = "_bias"
_FOLDED_BIAS = "weight_bias"
_NOTHING = "0"
"""The `argument` of a layer that had no bias."""


class FoldedWeight(NamedTuple):
    """The fold that computed a weight or bias.

    Attributes:
        is_bias: whether it is the bias of its layer.
        norm: the module of the norm; None if unknown.
        argument: the bias that the layer had before, if the result is not named after it; '' if it is.
        with_constant: for a fold of a constant factor or summand, operator and constant: `* unnamed factor`;
            '' for a norm.
    """

    is_bias: bool
    norm: ModulePath | None = None
    argument: str = ""
    with_constant: str = ""

    def formula(self, parameter: str) -> str:
        """Describe the result for a full name of a parameter: `conv.weight * bn`, `bn(conv.bias)`."""
        if self.with_constant:
            return f"{parameter} {self.with_constant}"
        by = self.norm or "unnamed norm"
        if not self.is_bias:
            return f"{parameter} * {by}"
        return f"{by}({self.argument or parameter})"


def folds(graph: GraphIndex, norms: Mapping[int, ModulePath]) -> Mapping[int, FoldedWeight]:
    """Return weight or bias -> the fold of which it is the result, if the file shows one.

    Args:
        graph: the model.
        norms: node -> the norm that an exporter recorded to be folded into it.
    """
    found: dict[int, FoldedWeight] = {}
    for node, weight, bias in _layers(graph):
        argument = _argument(_name(graph, weight), _name(graph, bias)) if bias != NONE else ""
        shown = bool(argument) or node in norms or _is_recorded(graph, node)
        operands = (weight,) if bias == NONE else (weight, bias)
        for value in operands if shown else ():
            found[value] = FoldedWeight(value == bias, norms.get(node), argument if value == bias else "")
    _add_named(graph, found)
    return found


def _argument(weight: str, bias: str) -> str:
    """Return the `argument` of a folded bias by its name."""
    if bias == f"{weight}{_BIAS}" and bias.endswith(_FOLDED_BIAS):
        return _NOTHING
    return "bias of the layer" if is_of_folded_norm(bias) else ""


def _is_recorded(graph: GraphIndex, node: int) -> bool:
    """Whether metadata on a node, or the name of its result, shows that a norm was folded into it."""
    return _RULE in (get(graph.nodes[node], RULE_NAME) or "") or bool(_OF_NORM.match(_written(graph, node)))


def _add_named(graph: GraphIndex, found: dict[int, FoldedWeight]) -> None:
    """Add the tensors that only their names show to be folded, such as those of quantised layers."""
    named = {value: parameter_named_by(_name(graph, value)) for value in graph.initializers}
    originals = set(named.values())
    for value, name in named.items():
        if name.endswith(_FOLDED_BIAS) and owner_of_parameter(name) and name.removesuffix(_BIAS) in originals:
            found.setdefault(value, FoldedWeight(is_bias=True, argument=_NOTHING))
        elif name.endswith("weight") and f"{name}{_BIAS}" in originals and owner_of_parameter(name):
            found.setdefault(value, FoldedWeight(is_bias=False))
        elif made := _MADE.match(_name(graph, value)):
            with_constant = _CONSTANTS.get(made[1], "")
            found.setdefault(value, FoldedWeight("_B_" in made[0], with_constant=with_constant))


def doubtful(graph: GraphIndex) -> Callable[[int], bool]:
    """Return a function: whether a tool may have folded a norm into a stored tensor and left no sign.

    A layer without bias is in no doubt: a fold leaves a bias, and onnxscript, which then removes a bias of
    zeros, records the fold.
    """
    names = names_given(graph)
    is_quantised = any(operator in _QUANTISED for _, operator in graph.operators)

    suspects: set[int] = set()
    for node, (_, operator) in enumerate(graph.operators):
        read: Sequence[int] = ()
        if is_quantised and operator in _ADDING:
            read = graph.reads[node]
        elif operator in _FOLDABLE:
            read = [value for _, *held in _layers(graph, [node]) if held[1] != NONE for value in held]
        if read and not _is_plain(graph, node, names[node]):
            suspects.update(read)

    def is_doubtful(value: int) -> bool:
        if value not in suspects:
            return False
        info = graph.described.get(value)
        return info is None or get(info, INPUT_KIND) is None

    return is_doubtful


def _layers(graph: GraphIndex, nodes: list[int] | None = None) -> Iterator[tuple[int, int, int]]:
    """Yield the nodes of foldable operators: node, weight, bias; NONE without a bias."""
    for node in range(len(graph.nodes)) if nodes is None else nodes:
        if graph.operators[node][1] in _FOLDABLE:
            read = graph.reads[node]
            if len(read) > 1 and read[1] != NONE:
                yield node, read[1], read[2] if len(read) > 2 else NONE


def _is_plain(graph: GraphIndex, node: int, name: str) -> bool:
    """Whether the names of a node and of its result show that it computes one operator of torch alone."""
    written = _written(graph, node)
    return (
        scope_of_node_name(name) is not None
        or bool(_PLAIN.match(str(name)))
        or scope_of_value_name(written) is not None
        or (bool(_OF_LAYER.match(written)) and graph.writes[node][0] not in graph.bodies[0].results)
    )


def _written(graph: GraphIndex, node: int) -> str:
    writes = graph.writes[node]
    return _name(graph, writes[0]) if writes and writes[0] != NONE else ""


def _name(graph: GraphIndex, value: int) -> str:
    return str(graph.value_names[value])
