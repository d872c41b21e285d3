"""Finds nodes that onnxruntime refuses in functions, by trial in a child: one node of each kind, alone.

onnxruntime infers fewer types in functions than in graphs: `QLinearConcat` and `QAttention` of com.microsoft
load in a graph, but not in a function (1.23 to 1.32).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from onnx import ModelProto, NodeProto, TensorProto, TypeProto, ValueInfoProto, helper

from rewriter.model.operator_set.ir_version import WITH_FUNCTIONS
from rewriter.runtime.ort.sessions import RunError, Session

_DOMAIN = "rewriter.trial"


def refused(
    model: ModelProto, nodes: Sequence[int], types: Mapping[str, ValueInfoProto]
) -> Iterator[list[int]]:
    """Try nodes of the main graph; yield the nodes refused so far, before and after each trial.

    A node that reads a value of unknown type, or does not load in a graph, does not count as refused. Before
    a node is tried in a function, it is yielded as refused, in case it crashes onnxruntime.

    Args:
        model: the model.
        nodes: positions of the nodes to try.
        types: the known types of the main graph's values.
    """
    known = {**types, **_weights(model)}
    verdicts: dict[object, bool] = {}
    found: list[int] = []
    for position in nodes:
        node = model.graph.node[position]
        if any(name and name not in known for name in node.input):
            continue
        kind = _kind(node, known)
        if kind not in verdicts:
            yield found
            small = _Small(model, node, known)
            verdicts[kind] = _loads(small.flat())
            if verdicts[kind]:
                yield [*found, position]
                verdicts[kind] = not _loads(small.grouped())
        if verdicts[kind]:
            found.append(position)
    yield found


def _loads(model: ModelProto) -> bool:
    try:
        Session(model.SerializeToString(), None)
    except RunError:
        return False
    return True


def _weights(model: ModelProto) -> dict[str, ValueInfoProto]:
    return {
        tensor.name: helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        for tensor in model.graph.initializer
    }


def _kind(node: NodeProto, types: Mapping[str, ValueInfoProto]) -> object:
    """Return a key of a node; inference is assumed to treat nodes with equal keys alike."""
    return (
        node.domain,
        node.op_type,
        tuple(sorted(attribute.name for attribute in node.attribute)),
        tuple(_form(types[name].type) if name else None for name in node.input),
        tuple(map(bool, node.output)),
    )


def _form(type_: TypeProto) -> object:
    if not type_.HasField("tensor_type"):
        return type_.SerializeToString(deterministic=True)
    tensor = type_.tensor_type
    return tensor.elem_type, len(tensor.shape.dim) if tensor.HasField("shape") else None


class _Small:
    """Model of one node, followed by an Identity for each output, so that its type must be inferred.

    Values that the node reads are inputs of the model, except initializers stored in the file.
    """

    def __init__(self, model: ModelProto, node: NodeProto, types: Mapping[str, ValueInfoProto]) -> None:
        self.imports = [each for each in model.opset_import if each.domain != _DOMAIN]
        self.ir_version = max(model.ir_version, WITH_FUNCTIONS)
        self.inputs = list(dict.fromkeys(filter(None, node.input)))
        outputs = [name for name in node.output if name]
        self.outputs = [f"{name} again" for name in outputs]
        pairs = zip(outputs, self.outputs, strict=True)
        self.nodes = [node, *(helper.make_node("Identity", [name], [again]) for name, again in pairs)]
        self.tensors = [
            tensor
            for tensor in model.graph.initializer
            if tensor.name in self.inputs and tensor.data_location != TensorProto.EXTERNAL
        ]
        filled = {tensor.name for tensor in self.tensors}
        self.infos = [types[name] for name in self.inputs if name not in filled]

    def flat(self) -> ModelProto:
        """Return a model with the nodes in its main graph."""
        return self._model(self.nodes, ())

    def grouped(self) -> ModelProto:
        """Return a model with the nodes in a function."""
        function = helper.make_function(_DOMAIN, "Trial", self.inputs, self.outputs, self.nodes, self.imports)
        call = helper.make_node("Trial", self.inputs, self.outputs, domain=_DOMAIN)
        return self._model([call], [function])

    def _model(self, nodes: Sequence[NodeProto], functions: Sequence[object]) -> ModelProto:
        outputs = [ValueInfoProto(name=name) for name in self.outputs]
        graph = helper.make_graph(nodes, "trial", self.infos, outputs, self.tensors)
        imports = [*self.imports, helper.make_opsetid(_DOMAIN, 1)]
        made: ModelProto = helper.make_model(
            graph, functions=functions, opset_imports=imports, ir_version=self.ir_version
        )
        return made
