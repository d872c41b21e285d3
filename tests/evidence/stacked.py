"""Models whose nodes have module stacks and read named weights, as torch's dynamo exporter writes them."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from rewriter.evidence.claims import Testimony
from rewriter.evidence.metadata import dynamo
from rewriter.model.index.graph import GraphIndex
from tests.build import model

Row = tuple[str, str]
"""The stack of a node without the root, separated by blanks, and its weight or ''."""


def stacked(
    rows: Sequence[Row], *, signature: Sequence[str] = (), classes: dict[str, str] | None = None
) -> onnx.ModelProto:
    """Build a chain with one node for each row: an `Add` if it has a weight, else a `Relu`.

    Args:
        rows: the nodes.
        signature: the names in the state dict that the exporter records, if any.
        classes: entry of a stack -> the class that the exporter gives it.
    """
    weights = sorted({weight for _, weight in rows if weight})
    steps = []
    for number, (_, weight) in enumerate(rows):
        call = f'Add(v{number}, "{weight}")' if weight else f"Relu(v{number})"
        steps.append(f"[n{number}] v{number + 1} = {call}")
    declared = ", ".join(f'float[2] "{weight}" = {{1, 2}}' for weight in weights)
    text = f"g (float[2] v0) => (float[2] v{len(rows)}) <{declared}> {{ {' '.join(steps)} }}"
    proto = model(text)
    for node, (stack, _) in zip(proto.graph.node, rows, strict=True):
        entries = ["", *stack.split(" ")] if stack else [""]
        named = [(classes or {}).get(entry, "pkg.Module") for entry in entries]
        node.metadata_props.add(key=dynamo.NAME_SCOPES, value=str([*entries, node.name]))
        node.metadata_props.add(key=dynamo.CLASS_HIERARCHY, value=str([*named, "aten.op"]))
    if signature:
        lines = [f"p_{n}: PARAMETER target='{name}'" for n, name in enumerate(signature)]
        proto.graph.metadata_props.add(key=dynamo.GRAPH_SIGNATURE, value="\n".join(lines))
    return proto


def hear(proto: onnx.ModelProto) -> Testimony:
    """Return the testimony from the exporter's metadata on a model."""
    return dynamo.testify(GraphIndex(proto))


def places(proto: onnx.ModelProto) -> list[str]:
    """Return the module of each node."""
    return [claim.module for claim in hear(proto).claims]
