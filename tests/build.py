"""Models as text, with metadata put on afterwards: ONNX text has no place for it."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
import onnx.parser

HEAD = '<ir_version: 10, opset_import: ["" : 17]>\n'


def model(text: str, **nodes: Mapping[str, str]) -> onnx.ModelProto:
    """Parse a graph; `nodes` gives metadata by the name of a node."""
    proto: onnx.ModelProto = onnx.parser.parse_model(HEAD + text)
    for node in proto.graph.node:
        for key, value in nodes.get(node.name, {}).items():
            node.metadata_props.add(key=key, value=value)
    return proto


def chain(*names: str, **nodes: Mapping[str, str]) -> onnx.ModelProto:
    """`x -> Relu -> Relu -> ... -> y`, the nodes named so."""
    values = ["x", *(f"v{n}" for n in range(1, len(names))), "y"]
    steps = [
        f'  ["{name}"] {out} = Relu({into})'
        for name, into, out in zip(names, values, values[1:], strict=False)
    ]
    return model("\n".join(["g (float[2] x) => (float[2] y) {", *steps, "}"]), **nodes)
