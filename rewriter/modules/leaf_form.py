"""Reads the form of a leaf, its operators and parameters, and infers its class from it.

A parameter without a name gets the name that its operand has in the classes of torch: the exporter of
TorchScript, for one, calls the weight of a convolution `onnx::Conv_147` if it folded a batch norm into it. So
does a tensor that bears the name of another module and has several readers: exporters merge equal tensors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from rewriter.evidence.parameters.leaf_classes import GLUE, LINEAR, class_of
from rewriter.evidence.parameters.tensor_roles import operands_of
from rewriter.evidence.roles import Role
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.operators import is_set
from rewriter.model.tensors import array_of
from rewriter.modules.module import Parameter, Tensor

_COUNTERS = frozenset({"int64", "bool"})
"""Element types of buffers that do not count as parameters of a class: `num_batches_tracked`, masks."""
_WEIGHT, _WEIGHT_AND_BIAS = {1: "weight"}, {1: "weight", 2: "bias"}
_OPERANDS: dict[str, dict[int, str]] = {
    "Conv": _WEIGHT_AND_BIAS,
    "ConvTranspose": _WEIGHT_AND_BIAS,
    "Gemm": _WEIGHT_AND_BIAS,
    "MatMul": _WEIGHT,
    "PRelu": _WEIGHT,
    "LayerNormalization": _WEIGHT_AND_BIAS,
    "GroupNormalization": _WEIGHT_AND_BIAS,
    "InstanceNormalization": _WEIGHT_AND_BIAS,
    "RMSNormalization": _WEIGHT,
    "SimplifiedLayerNormalization": _WEIGHT,
    "BatchNormalization": {**_WEIGHT_AND_BIAS, 3: "running_mean", 4: "running_var"},
    "Gather": {0: "weight"},
}
"""Operator -> operand -> the name of the parameter in the class of torch that computes the operator."""
_RELU6 = "torch.nn.modules.activation.ReLU6"
_MOST_MOVES = 4
"""Maximum number of nodes that move or convert a tensor on its way to the operand."""


def inferred_class(
    graph: GraphIndex, nodes: Sequence[int], parameters: Mapping[str, Parameter], tensors: Sequence[Tensor]
) -> str | None:
    """Return the class that the form of a leaf suggests; None if it suggests none.

    Args:
        graph: the model.
        nodes: the nodes of the leaf.
        parameters: local name -> parameter.
        tensors: the tensors that the leaf holds.
    """
    operators = Counter(graph.operators[node][1] for node in nodes)
    if operators.keys() - GLUE == {"Clip"}:
        return _RELU6 if all(map(partial(_is_clipped_at_six, graph), nodes)) else None
    ranks = {name: len(each.shape) for name, each in parameters.items() if each.dtype not in _COUNTERS}
    named, held = {each.initializer for each in parameters.values()}, {each.value for each in tensors}
    known = operands_of(graph)
    for name, value in _read_as(graph, nodes):
        own = value in held or (value != NONE and len(graph.readers[value]) > 1)
        role = known.roles.get(value, Role.CONSTANT)
        if own and role is not Role.CONSTANT and graph.value_names[value] not in named:
            ranks.setdefault(name, len(known.stored[value].dims))
    found = class_of(operators, ranks)
    return None if found == LINEAR and _multiplies_untransposed(graph, nodes, parameters) else found


def _is_clipped_at_six(graph: GraphIndex, node: int) -> bool:
    """Whether a node is not a Clip, or a Clip with the limits 0 and 6."""
    proto = graph.nodes[node]
    if proto.op_type != "Clip":
        return True
    stated = {each.name: each.f for each in proto.attribute}
    given = [_number(graph, value) for value in graph.reads[node][1:3]]
    return given == [0, 6] if given else (stated.get("min"), stated.get("max")) == (0, 6)


def _number(graph: GraphIndex, value: int) -> float | None:
    """Return a stored number; None for any other value."""
    maker = NONE if value == NONE else graph.producer[value]
    tensor = graph.initializers.get(value)
    if maker != NONE and graph.operators[maker][1] == "Constant" and len(graph.attributes[maker]) == 1:
        from rewriter.proof.attributes import constant_tensor

        attribute = graph.nodes[maker].attribute[0]
        tensor = constant_tensor(attribute.name, attribute)
    array = None if tensor is None else array_of(tensor, None)
    return None if array is None or array.size != 1 or array.dtype.kind == "c" else float(array.reshape(()))


def _read_as(graph: GraphIndex, nodes: Sequence[int]) -> Iterator[tuple[str, int]]:
    """Yield the name that an operand of a node has in a class of torch, and the tensor that it comes from."""
    for node in nodes:
        for slot, name in _OPERANDS.get(graph.operators[node][1], {}).items():
            if slot < len(graph.reads[node]):
                yield name, _origin(graph, graph.reads[node][slot])


def _origin(graph: GraphIndex, value: int) -> int:
    """Follow a value back through nodes that move or convert their first operand."""
    for _ in range(_MOST_MOVES):
        if value == NONE or (maker := graph.producer[value]) == NONE or graph.operators[maker][1] not in GLUE:
            break
        if not graph.reads[maker]:
            break
        value = graph.reads[maker][0]
    return value


def _multiplies_untransposed(
    graph: GraphIndex, nodes: Sequence[int], parameters: Mapping[str, Parameter]
) -> bool:
    """Whether a Gemm reads `weight` as it is stored, as (inputs, outputs); that of Linear is transposed."""
    weight = parameters.get("weight")
    if weight is None or weight.transposed:
        return False
    for node in nodes:
        proto, reads = graph.nodes[node], graph.reads[node]
        read = [graph.value_names[value] for value in reads[1:2] if value != NONE]
        if proto.op_type == "Gemm" and weight.initializer in read:
            return not is_set(proto, "transB")
    return False
