"""Writes the adapter of a layer into a model: two products beside the layer, their scale, and the sum.

Before::

    y = MatMul (x, w)

After::

    "y.base" = MatMul (x, w)
    "fc.lora_A" = MatMul (x, "fc.lora_A.weight")
    "fc.lora_B" = MatMul ("fc.lora_A", "fc.lora_B.weight")
    "fc.scaled" = Mul ("fc.lora_B", "fc.scaling")
    y = Add ("y.base", "fc.scaled")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

from rewriter.checkpoints.lora.beside.layers import LayerNode
from rewriter.checkpoints.lora.low_rank import LowRank
from rewriter.checkpoints.tensors.stream import pieces
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.index.graph import GraphIndex
from rewriter.model.tensors import Array, dtype_name, np_type
from rewriter.passes.functions.value_names import UsedNames
from rewriter.paths import ModulePath

_LINEAR = "torch.nn.modules.linear.Linear"
_CLASSES = {
    3: "torch.nn.modules.conv.Conv1d",
    4: "torch.nn.modules.conv.Conv2d",
    5: "torch.nn.modules.conv.Conv3d",
}
"""Number of axes of a weight -> the class that peft gives the matrices of such a layer."""
_OF_WINDOWS = frozenset({"strides", "pads", "dilations", "auto_pad", "kernel_shape"})
"""Attributes of a convolution that its matrix A has too; B has windows of one element."""


@dataclass(frozen=True, slots=True)
class KeptLayer:
    """The adapter of a layer, as nodes of the model.

    Attributes:
        module: the module of the layer.
        scale: the scale of the product.
        rank: its rank.
        tensors: the names of its initializers.
        renamed: name of an output of the layer -> the name that it has before the sum.
        nodes: the names of its nodes.
        given: the element type of its matrices in the adapter.
        dtype: their element type in the model: that of the weight.
    """

    module: ModulePath
    scale: float
    rank: int
    tensors: tuple[str, ...]
    renamed: dict[str, str]
    nodes: tuple[str, ...]
    given: str
    dtype: str


class LayerWriter:
    """Writes adapters into a copy of a model, whose nodes keep their numbers until the end.

    Attributes:
        model: the model with the adapters.
    """

    def __init__(self, model: ModelProto) -> None:
        self.model = ModelProto()
        self.model.CopyFrom(model)
        self._graph = GraphIndex(self.model)
        self._values = UsedNames(map(str, self._graph.value_names))
        self._names = UsedNames(map(str, self._graph.names))
        self._added: dict[int, list[NodeProto]] = {}

    def write(self, module: ModulePath, change: LowRank, layers: Sequence[LayerNode]) -> KeptLayer:
        """Write the adapter of a module beside its nodes.

        Raises:
            UsageError: the type of the weight does not hold a number of the adapter.
        """
        is_conv = layers[0].operator == "Conv"
        tensors = [
            self._store(f"{module}.lora_A.weight", _matrix(change.a.read(), is_conv=is_conv), layers[0]),
            self._store(f"{module}.lora_B.weight", _matrix(change.b.read(), is_conv=is_conv), layers[0]),
            self._store(f"{module}.scaling", np.array(change.scale), layers[0]),
        ]
        renamed: dict[str, str] = {}
        nodes: list[str] = []
        for layer in layers:
            node = self._graph.nodes[layer.node]
            output = node.output[0]
            renamed[output] = node.output[0] = self._values.fresh(f"{output}.base")
            added = self._beside(module, layer, [each.name for each in tensors], output, renamed[output])
            for made, inner in zip(added, ("lora_A", "lora_B", "", ""), strict=True):
                metadata.write(made, {tags.MODULE: str(module.child(inner))})
                if inner and not change.is_embedding:
                    metadata.write(made, {tags.CLASS: _CLASSES.get(len(change.shape), _LINEAR)})
            self._added[layer.node] = added
            nodes += [made.name for made in added]
        self.model.graph.initializer.extend(tensors)
        names = tuple(each.name for each in tensors)
        types = change.a.dtype.name, dtype_name(layers[0].weight.data_type)
        return KeptLayer(module, change.scale, change.rank, names, renamed, tuple(nodes), *types)

    def finish(self) -> None:
        """Put the nodes behind those of their layers."""
        inside: dict[int, list[int]] = {}
        for number, body in enumerate(self._graph.body_of):
            inside.setdefault(body, []).append(number)
        # Inner bodies first: nodes are copied with the bodies that they own.
        for body in sorted({self._graph.body_of[number] for number in self._added}, reverse=True):
            proto = self._graph.bodies[body].proto
            ordered = [each for number in inside[body] for each in self._with_added(number)]
            del proto.node[:]
            proto.node.extend(ordered)

    def _with_added(self, number: int) -> list[NodeProto]:
        copy = NodeProto()
        copy.CopyFrom(self._graph.nodes[number])
        return [copy, *self._added.get(number, ())]

    def _store(self, name: str, array: Array, layer: LayerNode) -> TensorProto:
        kind = np_type(layer.weight.data_type)
        assert kind is not None, "it is a floating-point type"
        name = self._values.fresh(name)
        content = b"".join(pieces(array, array.shape, kind, name))
        tensor = TensorProto(name=name, data_type=layer.weight.data_type, dims=array.shape, raw_data=content)
        if array.ndim == 2:
            metadata.write(tensor, {tags.TRANSPOSED: "true"})
        return tensor

    def _beside(
        self, module: ModulePath, layer: LayerNode, tensors: Sequence[str], output: str, base: str
    ) -> list[NodeProto]:
        a, b, scaling = tensors
        low, high, scaled = (
            self._values.fresh(f"{module}.{name}") for name in ("lora_A", "lora_B", "scaled")
        )
        first, second = ("Conv", "Conv") if layer.operator == "Conv" else ("MatMul", "MatMul")
        inputs = [layer.input, a]
        if layer.operator == "Gather":
            first, inputs = "Gather", inputs[::-1]
        made = [
            self._node(first, inputs, low, f"{module}.lora_A"),
            self._node(second, [low, b], high, f"{module}.lora_B"),
            self._node("Mul", [high, scaling], scaled, f"{module}.scaling"),
            self._node("Add", [base, scaled], output, f"{module}.sum"),
        ]
        if first == "Conv":
            of_layer = self._graph.nodes[layer.node].attribute
            made[0].attribute.extend(each for each in of_layer if each.name in _OF_WINDOWS)
        return made

    def _node(self, operator: str, reads: Sequence[str], writes: str, name: str) -> NodeProto:
        return helper.make_node(operator, reads, [writes], name=self._names.fresh(name))


def _matrix(array: Array, *, is_conv: bool) -> Array:
    """Return a matrix as its node reads it: (in, out), or a weight of a convolution as it is."""
    return array if is_conv else array.T
