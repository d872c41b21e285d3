"""Makes hostile files of some 15 MB, which verbs should refuse quickly; each repeats one construct."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, helper

SIZE = 15_000_000
"""Approximate bytes of a file."""
NODES, TENSORS, FUNCTIONS = b"\x0a", b"\x2a", b"\xca\x01"
"""Tags of nodes and initializers in a graph, and of functions in a model."""


def message(tag: bytes, *contents: bytes) -> bytes:
    """Encode a field: tag, length, contents."""
    return b"".join((_front(tag, sum(map(len, contents))), *contents))


def _front(tag: bytes, size: int) -> bytes:
    """Encode the tag and the length of a field."""
    length = b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return tag + length + bytes([size])


def in_graph(*contents: bytes) -> bytes:
    """Encode a model with these fields in its graph, and an invalid last node, so that it must be refused."""
    return b"\x08\x0a\x42\x02\x10\x11" + message(
        b"\x3a", *contents, message(NODES, b"\x0a\x06nobody", b"\x22\x04Relu")
    )


def many(entry: bytes, size: int = SIZE) -> bytes:
    """Repeat a field up to a size."""
    return entry * (size // len(entry))


def chain(count: int, name: str = "t{}") -> list[NodeProto]:
    """Make nodes that each read the output of the one before."""
    return [
        NodeProto(
            op_type="Relu", input=[name.format(n)], output=[name.format(n + 1)], name=f"/layers.{n}/Relu"
        )
        for n in range(count)
    ]


def model(nodes: list[NodeProto], inputs: list[str], outputs: list[str], *functions: FunctionProto) -> bytes:
    """Make a model of nodes and functions; all values are vectors of 8 floats."""
    graph = GraphProto(
        name="g",
        node=nodes,
        input=[helper.make_tensor_value_info(name, TensorProto.FLOAT, [8]) for name in inputs],
        output=[helper.make_tensor_value_info(name, TensorProto.FLOAT, [8]) for name in outputs],
    )
    imports = [OperatorSetIdProto(version=17), OperatorSetIdProto(domain="f", version=1)]
    made = ModelProto(ir_version=10, graph=graph, opset_import=imports, functions=functions)
    return made.SerializeToString()


def function(name: str, nodes: list[NodeProto], start: str, end: str) -> FunctionProto:
    """Make a function of one input and one output."""
    imports = [OperatorSetIdProto(version=17), OperatorSetIdProto(domain="f", version=1)]
    return FunctionProto(name=name, domain="f", input=[start], output=[end], node=nodes, opset_import=imports)


def call(name: str, start: str, end: str) -> NodeProto:
    """Make a call of a function."""
    return NodeProto(op_type=name, domain="f", input=[start], output=[end])


COUNT = 270_000
"""Number of nodes of a chain of about `SIZE` bytes."""


def ordinary() -> bytes:
    """Make a valid model, the measure of all others."""
    return model(chain(COUNT), ["t0"], [f"t{COUNT}"])


def _broken(change: Callable[[list[NodeProto]], None]) -> bytes:
    nodes = chain(COUNT)
    change(nodes)
    return model(nodes, ["t0"], [f"t{COUNT}"])


def _undefined(nodes: list[NodeProto]) -> None:
    nodes[-2].input[0] = "nobody"


def _circle(nodes: list[NodeProto]) -> None:
    nodes[0].input[0] = f"t{COUNT}"


def _twice(nodes: list[NodeProto]) -> None:
    nodes[-2].output[0] = "t1"


def _no_import(nodes: list[NodeProto]) -> None:
    nodes[-1].domain = "nobody"


COUNT_DEEP = 4_000


def _deep_parameters() -> bytes:
    names = [".".join(f"l{n}_{k}" for k in range(200)) + ".weight" for n in range(COUNT_DEEP)]
    nodes = [
        NodeProto(op_type="Add", input=[f"t{n}", name], output=[f"t{n + 1}"]) for n, name in enumerate(names)
    ]
    made = ModelProto.FromString(model(nodes, ["t0"], [f"t{COUNT_DEEP}"]))
    made.graph.initializer.extend(
        TensorProto(name=name, dims=[8], data_type=TensorProto.FLOAT, raw_data=bytes(32)) for name in names
    )
    return made.SerializeToString()


def _deep_scopes(names: int) -> bytes:
    """Make names of so many words that they fill `SIZE` bytes."""
    words = SIZE // names // 6
    nodes = chain(names)
    for number, node in enumerate(nodes):
        node.name = "/" + "/".join(f"m{number % 10}{k % 1000:03}" for k in range(words)) + "/Relu"
    return model(nodes, ["t0"], [f"t{names}"])


def _wide_calls() -> bytes:
    inside = function("w", chain(COUNT // 2), "t0", f"t{COUNT // 2}")
    return model([call("w", f"v{n}", f"v{n + 1}") for n in range(9)], ["v0"], ["v9"], inside)


def _doubling(levels: int, size: int) -> bytes:
    """Make functions that each have nodes and call the next function twice."""
    made = [function("f0", chain(size), "t0", f"t{size}")]
    for level in range(1, levels):
        nodes = [call(f"f{level - 1}", f"t{size}", "h"), call(f"f{level - 1}", "h", "y")]
        made.append(function(f"f{level}", [*chain(size), *nodes], "t0", "y"))
    return model([call(f"f{levels - 1}", "x", "y")], ["x"], ["y"], *made)


def _calling_all() -> bytes:
    """Make functions that each call the next one; the last calls the first."""
    names = [f"f{n}" for n in range(9_000)]
    made = [
        function(name, [*chain(20), call(other, "t20", "y")], "t0", "y")
        for name, other in zip(names, [*names[1:], names[0]], strict=True)
    ]
    return model([call("f0", "x", "y")], ["x"], ["y"], *made)


def _nested(depth: int, innermost: bytes = b"") -> bytes:
    """Make nested graphs: an attribute has a graph whose only node has such an attribute, and so on."""
    fronts = [innermost]
    size = len(innermost)
    for _ in range(depth):
        for tag in (b"\x32", b"\x2a", b"\x0a"):  # graph of an attribute, attribute of a node, node
            fronts.append(_front(tag, size))
            size += len(fronts[-1])
    return in_graph(b"".join(reversed(fronts)))


IN_GRAPH, IN_MODEL = b"", b"model"
IN_ATTRIBUTES = b"attributes"
"""Places of the entries, besides the tags of messages that are filled with entries."""
FULL: dict[str, tuple[bytes, bytes]] = {
    "graph: nodes": (IN_GRAPH, b"\x0a\x00"),
    "graph: initializers": (IN_GRAPH, b"\x2a\x00"),
    "graph: nodes of an attribute": (IN_GRAPH, b"\x0a\x02\x2a\x00"),
    "graph: nodes of an operator": (IN_GRAPH, b"\x0a\x03\x22\x01a"),
    "graph: value_info of a name": (IN_GRAPH, b"\x6a\x03\x0a\x01a"),
    "model: functions": (IN_MODEL, b"\xca\x01\x00"),
    "model: metadata": (IN_MODEL, b"\x72\x00"),
    "model: unknown fields": (IN_MODEL, b"\xf8\x3f\x00"),
    "small nodes: inputs": (NODES, b"\x0a\x00"),
    "small nodes: attributes": (NODES, b"\x2a\x00"),
    "small nodes: attributes of a name": (NODES, b"\x2a\x03\x0a\x01a"),
    "small nodes: metadata": (NODES, b"\x4a\x00"),
    "small attributes: strings": (IN_ATTRIBUTES, b"\x4a\x00"),
    "small attributes: tensors": (IN_ATTRIBUTES, b"\x52\x00"),
    "small attributes: tensors of a name": (IN_ATTRIBUTES, b"\x52\x03\x42\x01a"),
    "small attributes: types": (IN_ATTRIBUTES, b"\x7a\x00"),
    "small attributes: ints": (IN_ATTRIBUTES, b"\x40\x01"),
    "small tensors: sizes": (TENSORS, b"\x08\x01"),
    "small tensors: strings": (TENSORS, b"\x32\x00"),
    "small tensors: packed sizes": (TENSORS, b"\x0a\x40" + bytes(64)),
    "small tensors: packed ints": (TENSORS, b"\x2a\x40" + bytes(64)),
    "small functions: nodes of an operator": (FUNCTIONS, b"\x3a\x03\x22\x01a"),
    "small functions: attributes": (FUNCTIONS, b"\x5a\x03\x0a\x01a"),
    "small functions: value_info": (FUNCTIONS, b"\x62\x03\x0a\x01a"),
    "small functions: inputs": (FUNCTIONS, b"\x22\x01a"),
    "small functions: metadata": (FUNCTIONS, b"\x72\x03\x0a\x01a"),
}
"""Kind -> place of its entries, and one entry of a few bytes; `small` messages hold less than 64 KiB."""


def _full(around: bytes, entry: bytes) -> bytes:
    if around == IN_GRAPH:
        return in_graph(many(entry))
    if around == IN_MODEL:
        return in_graph() + many(entry)
    if around == IN_ATTRIBUTES:
        return in_graph(many(message(NODES, message(b"\x2a", many(entry, 65_000)))))
    small = many(message(around, many(entry, 65_000)))
    return in_graph() + small if around == FUNCTIONS else in_graph(small)


def kinds() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield the name of each kind, and a function that makes its file."""
    yield "undefined input", lambda: _broken(_undefined)
    yield "a circle of all nodes", lambda: _broken(_circle)
    yield "a value written twice", lambda: _broken(_twice)
    yield "a domain not imported", lambda: _broken(_no_import)
    yield "cut off midway", lambda: ordinary()[:-9]
    yield "parameters 200 modules deep", _deep_parameters
    yield "names of 25,000 words", lambda: _deep_scopes(100)
    yield "one word of 15 MB", lambda: _broken_name("a" * SIZE)
    yield "calls of one long function", _wide_calls
    yield "functions that call twice, 90 levels", lambda: _doubling(90, 3_000)
    yield "functions that call twice, 9,000 levels", lambda: _doubling(9_000, 20)
    yield "functions in a circle", _calling_all
    yield "graphs inside each other, 33 deep", lambda: _nested(33, message(b"\xfa\x7f", bytes(SIZE)))
    yield "graphs inside each other, 700,000 deep", lambda: _nested(700_000)
    for name, (around, entry) in FULL.items():
        yield name, partial(_full, around, entry)
    yield "one node: inputs", lambda: in_graph(message(NODES, many(b"\x0a\x00")))
    yield "text of ONNX", lambda: many(b"   [m] y = Relu(x)\n")
    yield "JSON", lambda: many(b'{"node": [{"opType": "Relu"}]},\n')
    yield "zeros", lambda: bytes(SIZE)


def _broken_name(name: str) -> bytes:
    return model([NodeProto(op_type="Relu", input=["nobody"], output=["y"], name=name)], ["x"], ["y"])
