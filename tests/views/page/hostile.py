"""A model whose every name wants to be more than text."""

from __future__ import annotations

from itertools import pairwise

import onnx
from onnx import ModelProto

NAMES = (
    "</script><script>pwned=1;alert(1)</script>",
    "<img src=x onerror=pwned=1>",
    "<!--<script>",
    "\"'><svg onload=pwned=1>",
    "javascript:pwned=1//",
    "{{constructor.constructor('pwned=1')()}}",
    "\x1b[2J\u202e\u2028\u2029\x00\ufeff",
    "__proto__",
    "constructor",
    "]]>&lt;&amp;",
    "x" * 100_000,
)
"""Markup, quotes, control characters, names that JavaScript knows, and one that is very long."""


def hostile_model() -> ModelProto:
    """A chain of nodes, each in a module with such a name, that reads a parameter with such a name."""
    nodes, weights = [], []
    for number, name in enumerate(NAMES):
        plain = name.replace("/", "\u2215").replace(".", "\u2024").replace("\x00", "")
        weight = f"{plain}.weight{plain}"
        nodes.append(
            onnx.helper.make_node(
                "Add",
                [f"v{number}{plain[:60]}" if number else "in</script>", weight],
                [
                    f"v{number + 1}{NAMES[number + 1][:60].replace(chr(0), '')}"
                    if number + 1 < len(NAMES)
                    else "out<b>"
                ],
                name=f"/{plain}/Add",
            )
        )
        # Names with a slash or a dot in them go in as they are by the exporter's own metadata.
        nodes[-1].metadata_props.add(
            key="pkg.torch.onnx.name_scopes", value=str(["", name.replace("\x00", ""), "op"])
        )
        nodes[-1].metadata_props.add(
            key="pkg.torch.onnx.class_hierarchy", value=str(["top<i>", f"pkg.{name[:300]}", "aten.add"])
        )
        weights.append(onnx.helper.make_tensor(weight, onnx.TensorProto.FLOAT, [2], [1.0, 2.0]))
    for earlier, later in pairwise(nodes):
        later.input[0] = earlier.output[0]
    graph = onnx.helper.make_graph(
        nodes,
        "</title><script>pwned=1</script>",
        [onnx.helper.make_tensor_value_info("in</script>", 1, ["<b>batch</b>", 2])],
        [onnx.helper.make_tensor_value_info("out<b>", 1, None)],
        weights,
    )
    model = onnx.helper.make_model(graph, producer_name="</script><script>pwned=1</script>")
    model.ir_version = 10
    return model
