"""Small models to spoil."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

Node = NodeProto
FLOAT = TensorProto.FLOAT


def node(op_type: str, inputs: str, outputs: str, name: str = "", **attributes: Any) -> NodeProto:
    """A node; names of values are apart by blanks."""
    return helper.make_node(op_type, inputs.split(), outputs.split(), name=name, **attributes)


def info(name: str, *dims: int, element: int = FLOAT) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, element, dims or (2,))


def tensor(name: str = "w") -> TensorProto:
    return helper.make_tensor(name, FLOAT, [2], [1.0, 2.0])


def graph(
    nodes: Sequence[NodeProto], inputs: str = "x", outputs: str = "y", *tensors: TensorProto
) -> GraphProto:
    return helper.make_graph(
        nodes, "g", [info(each) for each in inputs.split()], [info(each) for each in outputs.split()], tensors
    )


def model(body: GraphProto, *functions: FunctionProto, **opsets: int) -> ModelProto:
    """A model of opset 17; `opsets` are imported besides."""
    imports = [helper.make_opsetid(domain, version) for domain, version in ({"": 17} | opsets).items()]
    made = helper.make_model(body, opset_imports=imports, functions=functions, ir_version=10)
    made.producer_name = ""
    return made


def chain(length: int, name: str = "/m{}/Neg") -> ModelProto:
    nodes = [node("Neg", f"v{i}", f"v{i + 1}", name.format(i)) for i in range(length)]
    return model(graph(nodes, "v0", f"v{length}"))


def plain() -> ModelProto:
    """x -> Add(w) -> y in module a."""
    return model(graph([node("Add", "x w", "y", "/a/Add")], "x", "y", tensor()))


def function(
    name: str, nodes: Sequence[NodeProto], inputs: str = "x", outputs: str = "y", **named: Any
) -> FunctionProto:
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    return helper.make_function("f", name, inputs.split(), outputs.split(), nodes, imports, **named)


def doubling(levels: int) -> ModelProto:
    """Functions that call the next one twice: 2 to the power of `levels` nodes."""
    made = [function("f0", [node("Neg", "x", "y")])]
    for level in range(1, levels + 1):
        below = f"f{level - 1}"
        calls = [node(below, "x", "h", domain="f"), node(below, "h", "y", domain="f")]
        made.append(function(f"f{level}", calls))
    return model(graph([node(f"f{levels}", "x", "y", domain="f")]), *made, f=1)


def nested(depth: int) -> ModelProto:
    """Ifs inside each other."""
    body = graph([node("Neg", "x", "y0")], "", "y0")
    for level in range(1, depth + 1):
        other = graph([node("Abs", "x", f"e{level}")], "", f"e{level}")
        body = graph([node("If", "c", f"y{level}", then_branch=body, else_branch=other)], "", f"y{level}")
    body.input.extend([info("x"), info("c", 1, element=TensorProto.BOOL)])
    return model(body)


def external(location: str = "m.data", **entries: str) -> ModelProto:
    """`plain` with its weight in another file."""
    made = plain()
    weight = made.graph.initializer[0]
    weight.ClearField("float_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in ({"location": location} | entries).items():
        weight.external_data.add(key=key, value=value)
    return made
