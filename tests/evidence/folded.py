"""Models with batch norms that torch's dynamo exporter folded into the products before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import onnx

from rewriter.evidence.metadata.dynamo import CLASS_HIERARCHY, NAME_SCOPES
from tests.build import model

NORM = "aten._native_batch_norm_legit_no_training.default"
PRODUCTS = {
    "Conv": ("float[1,2,3,3]", "float[2,2,1,1]"),
    "ConvTranspose": ("float[1,2,3,3]", "float[2,2,1,1]"),
    "Gemm": ("float[2,2]", "float[2,2]"),
    "MatMul": ("float[2,2]", "float[2,2]"),
}
"""Operator -> the types of its activation and weight."""


class Product(NamedTuple):
    """A node that computes a product.

    Attributes:
        stack: the modules in its metadata, without the root.
        weight: the name of its weight.
        bias: the name of its bias; '' for none.
        recorded: torch's operator in its metadata.
    """

    stack: tuple[str, ...]
    weight: str
    bias: str = ""
    recorded: str = NORM


def products(
    rows: Sequence[Product], operator: str = "Conv", classes: Mapping[str, str] | None = None
) -> onnx.ModelProto:
    """Build a chain of products, each followed by a Relu of the root.

    Args:
        rows: the products.
        operator: the ONNX operator of all of them.
        classes: module -> its class.
    """
    activation, weight_type = PRODUCTS[operator]
    weights = {row.weight for row in rows}
    biases = {row.bias for row in rows if row.bias}
    declared = [f'{weight_type} "{name}" = {{1, 2, 3, 4}}' for name in sorted(weights)]
    declared += [f'float[2] "{name}" = {{1, 2}}' for name in sorted(biases)]
    steps = []
    for number, row in enumerate(rows):
        operands = ", ".join(f'"{name}"' for name in (row.weight, row.bias) if name)
        steps.append(f"[product_{number}] p{number} = {operator}(v{number}, {operands})")
        steps.append(f"[relu_{number}] v{number + 1} = Relu(p{number})")
    text = (
        f"g ({activation} v0) => ({activation} v{len(rows)}) <{', '.join(declared)}> {{ {' '.join(steps)} }}"
    )
    metadata = {}
    for number, row in enumerate(rows):
        entries = ["", *row.stack]
        named = [(classes or {}).get(entry, "pkg.Module") for entry in entries]
        fx_name = row.recorded.removeprefix("aten.").partition(".")[0]
        metadata[f"product_{number}"] = {
            NAME_SCOPES: str([*entries, fx_name]),
            CLASS_HIERARCHY: str([*named, row.recorded]),
        }
        metadata[f"relu_{number}"] = {
            NAME_SCOPES: "['', 'relu']",
            CLASS_HIERARCHY: "['pkg.Module', 'aten.relu']",
        }
    return model(text, **metadata)
