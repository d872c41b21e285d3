"""Witness: weights that lost their name, identified by their operands in a leaf of one operator.

TorchScript folds a batch norm into the convolution before it and stores two new tensors under consecutive
numbers: the weight (`onnx::Conv_81`) and the bias (`onnx::Conv_82`). The pair counts only if no tensor of
the file has the number before that of the weight: a tensor that TorchScript computed later, such as `kernel
* 2`, may have such a neighbour. In a leaf that computes only with `Conv` the pair are its `weight` and
`bias`, though the state dict may have no such bias. A single tensor `onnx::<operator>_<n>` of such a leaf
is the `weight` if the operand beside it has the name of the leaf's `bias`, or if a witness names the class
and torch defines the names of its parameters. Other classes may use other names. A single bias stays
unnamed: it may be a constant that the exporter made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set

from rewriter.evidence.claims import ParameterClaim, Source
from rewriter.evidence.parameters.parameter_names import alias_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.operators import is_set
from rewriter.paths import ModulePath

COMPUTED = "computed by the exporter"
"""Detail of a claim on a tensor that the exporter computed from the parameter, for example by folding."""

_NUMBERED = re.compile(r"onnx::(\w+)_(\d{1,9})$")
_LAYOUT = frozenset({"Constant", "Identity", "Pad", "Cast", "Shape", "Reshape", "Squeeze", "Unsqueeze"})
_OF_TORCH = "torch.nn.modules."

_OPERANDS: Mapping[str, tuple[int, int, str]] = {
    "Conv": (1, 2, "conv.Conv"),
    "ConvTranspose": (1, 2, "conv.ConvTranspose"),
    "Gemm": (1, 2, "linear.Linear"),
    "Gather": (0, NONE, "sparse.Embedding"),
    "BatchNormalization": (1, 2, "batchnorm.BatchNorm"),
    "InstanceNormalization": (1, 2, "instancenorm.InstanceNorm"),
    "LayerNormalization": (1, 2, "normalization.LayerNorm"),
}
"""Operator -> position of the weight, position of the bias, and the beginning of torch's class."""
_NORMALISING = frozenset({"BatchNormalization", "InstanceNormalization", "LayerNormalization"})
"""Operators whose weight and bias exporters write as constants if the module has none."""


def testify(
    graph: GraphIndex, modules: Sequence[ModulePath | None], classes: Mapping[ModulePath, str]
) -> Iterator[ParameterClaim]:
    """Yield claims on numbered initializers of the main graph that leaves of one operator read.

    Args:
        graph: the model.
        modules: node -> its module.
        classes: module -> its class, if a witness names it.
    """
    numbers = {_number(graph, value) for value in graph.initializers} - {None}
    for module, nodes in _leaves(graph, modules).items() if numbers else ():
        if len({graph.operators[node] for node in nodes}) == 1:
            yield from _of_leaf(graph, module, nodes, classes.get(module, ""), numbers)


def _leaves(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> dict[ModulePath, list[int]]:
    """Return leaf -> its nodes, without those that only lay out or pad a value."""
    found: dict[ModulePath, list[int]] = {}
    for node, module in enumerate(modules):
        if module and graph.operators[node][1] not in _LAYOUT:
            found.setdefault(module, []).append(node)
    for module in set(modules):
        for above in module.ancestors() if module else ():
            found.pop(above, None)
    return found


def _of_leaf(
    graph: GraphIndex, module: ModulePath, nodes: Sequence[int], class_name: str, numbers: Set[int | None]
) -> Iterator[ParameterClaim]:
    """Yield the claims on the weight and the bias that the nodes of a leaf read."""
    domain, operator = graph.operators[nodes[0]]
    if domain or operator not in _OPERANDS:
        return
    at_weight, at_bias, torch_class = _OPERANDS[operator]
    weight, bias = _operand(graph, nodes, at_weight), _operand(graph, nodes, at_bias)
    number, after = _number(graph, weight), _number(graph, bias)
    if number is None or graph.value(module.child("weight")) != NONE:
        return
    first = number - 1 not in numbers
    folded = first and operator in ("Conv", "ConvTranspose") and after == number + 1
    named = bias != NONE and graph.value_names[bias] == module.child("bias")
    defined = operator not in _NORMALISING and class_name.startswith(_OF_TORCH + torch_class)
    if folded or named or defined:
        yield _claim(graph, weight, module.child("weight"), transposed=_is_transposed(graph, nodes[0]))
    if folded and graph.value(module.child("bias")) == NONE:
        yield _claim(graph, bias, module.child("bias"))


def _claim(graph: GraphIndex, value: int, name: ModulePath, *, transposed: bool = False) -> ParameterClaim:
    return ParameterClaim(graph.value_names[value], name, transposed, Source.POSITION, detail=COMPUTED)


def _is_transposed(graph: GraphIndex, node: int) -> bool:
    """Whether a node is a Gemm that reads its weight as (in, out)."""
    return graph.operators[node][1] == "Gemm" and not is_set(graph.nodes[node], "transB")


def _operand(graph: GraphIndex, nodes: Sequence[int], position: int) -> int:
    """Return the value that all nodes read at a position, behind aliases; NONE for none or several."""
    if position == NONE:
        return NONE
    read = {
        alias_of(graph, inputs[position]) if position < len(inputs) and inputs[position] != NONE else NONE
        for inputs in (graph.reads[node] for node in nodes)
    }
    return read.pop() if len(read) == 1 else NONE


def _number(graph: GraphIndex, value: int) -> int | None:
    """Return the number in the name `onnx::<operator>_<number>` of an initializer of the main graph.

    None for any other value.
    """
    name = graph.value_names[value] if value in graph.initializers else ""
    if not str(name).startswith("onnx::"):
        return None
    found = _NUMBERED.match(graph.main_name(value))
    return int(found[2]) if found else None
