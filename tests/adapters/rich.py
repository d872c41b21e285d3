"""A model with fields of every kind that tools forget."""

from __future__ import annotations

import numpy as np
from onnx import (
    AttributeProto,
    FunctionProto,
    ModelProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
    helper,
    numpy_helper,
)


def _described(owner: ModelProto | NodeProto | FunctionProto | TensorProto, text: str) -> None:
    owner.doc_string = text
    owner.metadata_props.add(key="said", value=text)


def _custom() -> NodeProto:
    """A node whose attributes are of kinds that graphsurgeon skips, among others."""
    node = helper.make_node("Custom", ["h"], ["c"], "custom", domain="mine", number=1, gone=2, some=[1, 2])
    next(each for each in node.attribute if each.name == "number").doc_string = "a number"
    node.attribute.append(helper.make_attribute("none", [], attr_type=AttributeProto.INTS))
    node.attribute.append(helper.make_attribute("types", helper.make_tensor_type_proto(1, [2])))
    tensors = [numpy_helper.from_array(np.ones(2, np.float32), "a"), numpy_helper.from_array(np.ones(1), "b")]
    node.attribute.append(helper.make_attribute("tensors", tensors))
    graph = helper.make_graph([helper.make_node("Constant", [], ["r"], "deep", value_int=1)], "inner", [], [])
    node.attribute.append(helper.make_attribute("graphs", [graph]))
    node.overload = "third"
    _described(node, "of mine")
    return node


def _if() -> NodeProto:
    def branch(name: str, operator: str) -> AttributeProto:
        inner = helper.make_node(operator, ["h", "w"], [name], f"in_{name}")
        _described(inner, f"in {name}")
        graph = helper.make_graph(
            [inner], name, [], [helper.make_value_info(name, helper.make_tensor_type_proto(1, [2]))]
        )
        graph.doc_string = "a branch"
        graph.metadata_props.add(key="said", value="of a branch")
        return helper.make_attribute(f"{name}_branch", graph)

    node = helper.make_node("If", ["b"], ["i"], "if")
    node.attribute.extend((branch("then", "Add"), branch("else", "Mul")))
    return node


def _functions() -> list[FunctionProto]:
    made = []
    for overload in ("", "second"):
        body = [helper.make_node("Add", ["p", "p"], ["q"], "inside")]
        _described(body[0], "inside")
        function = helper.make_function(
            "mine",
            "Twice",
            ["p"],
            ["q"],
            body,
            [helper.make_opsetid("", 17)],
            attributes=["scale"],
            overload=overload,
        )
        function.attribute_proto.append(helper.make_attribute("shift", 2, doc_string="by default"))
        function.value_info.append(helper.make_tensor_value_info("q", 1, [2]))
        _described(function, "of mine")
        made.append(function)
    return made


def _sparse() -> SparseTensorProto:
    values = helper.make_tensor("sparse_weight", 1, [1], [3.0])
    return helper.make_sparse_tensor(values, helper.make_tensor("at", 7, [1], [1]), [2])


def _tensor(name: str) -> TensorProto:
    made = numpy_helper.from_array(np.array([1, 2], np.float32), name)
    _described(made, "a weight")
    return made


def rich() -> ModelProto:
    """`x -> Twice -> If -> ...`, with what people forget on everything."""
    nodes = [
        helper.make_node("Twice", ["x"], ["h"], "call", domain="mine", overload="second", scale=1),
        helper.make_node("Greater", ["h", "w"], ["g"], "greater"),
        helper.make_node("ReduceMax", ["g8"], ["m"], "max", keepdims=0),
        helper.make_node("Cast", ["m"], ["b"], "bool", to=TensorProto.BOOL),
        _if(),
        _custom(),
        helper.make_node("Mul", ["i", "sparse_weight"], ["s"], "sparse"),
        helper.make_node("Add", ["s", "with_default"], ["t"], "default"),
        helper.make_node("SequenceConstruct", ["t", "c"], ["seq"], "sequence"),
        helper.make_node("Optional", ["t"], ["opt"], "optional"),
    ]
    nodes.insert(2, helper.make_node("Cast", ["g"], ["g8"], "cast", to=TensorProto.FLOAT))
    nodes[0].doc_string = "stack trace"
    kind = helper.make_tensor_type_proto(1, [2])
    outputs = [
        helper.make_value_info("seq", helper.make_sequence_type_proto(kind)),
        helper.make_value_info("opt", helper.make_optional_type_proto(kind)),
    ]
    inputs = [helper.make_tensor_value_info(name, 1, [2]) for name in ("with_default", "x", "unread_default")]
    inputs[1].doc_string = "what goes in"
    inputs[1].metadata_props.add(key="said", value="of an input")
    inputs[1].type.denotation = "TENSOR"
    weights = [_tensor(name) for name in ("w", "with_default", "unread_default", "nobody_reads")]
    graph = helper.make_graph(nodes, "g", inputs, outputs, weights, "a graph", sparse_initializer=[_sparse()])
    graph.metadata_props.add(key="said", value="of a graph")
    graph.value_info.append(helper.make_tensor_value_info("h", 1, ["N"], "a value"))
    graph.value_info[0].metadata_props.add(key="said", value="of a value")
    graph.value_info.append(helper.make_tensor_value_info("w", 1, [2], "a weight's"))
    annotation = graph.quantization_annotation.add(tensor_name="h")
    annotation.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="w")
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1), helper.make_opsetid("unused", 3)]
    model = helper.make_model(graph, opset_imports=imports, functions=_functions(), ir_version=10)
    model.domain, model.model_version, model.producer_name = "org", 4, "somebody"
    _described(model, "a model")
    training = model.training_info.add()
    training.algorithm.name = "step"
    training.update_binding.add(key="w", value="w2")
    model.graph.node[0].MergeFromString(b"\xf8\x3f\x01")  # a field of a later ONNX
    return model
