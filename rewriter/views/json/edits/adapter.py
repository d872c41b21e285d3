"""Adapters in a refitted model as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from rewriter.checkpoints.lora.beside.nodes import KeptLayer
from rewriter.checkpoints.lora.merged_state import FittedAdapter
from rewriter.views.escape import as_text
from rewriter.views.json.types import Count


class ChangeJson(TypedDict):
    """Weight that an adapter changes.

    Attributes:
        key: Its key in the weights that the adapter changes.
        change: What is added to it, as a product of the matrices B and A of the adapter, or `replaced`.
    """

    key: str
    change: str


class AdapterJson(TypedDict):
    """LoRA adapter that is merged into the weights.

    Attributes:
        name: Its folder.
        lost: Prefix that its names have and the weights do not.
        added: Prefix that the weights have and its names do not.
        changes: Weights that it changes.
    """

    name: str
    lost: str
    added: str
    changes: Sequence[ChangeJson]


class KeptLayerJson(TypedDict):
    """Layer with an adapter beside it.

    Attributes:
        module: Its path.
        scale: Scale of the product B A that is added to its output.
        rank: Rank of the product.
        nodes: Names of the added nodes.
        tensors: Names of the added initializers.
        given: Element type of the matrices in the adapter.
        dtype: Their element type in the file.
    """

    module: str
    scale: float
    rank: Count
    nodes: Sequence[str]
    tensors: Sequence[str]
    given: str
    dtype: str


def adapter_json(adapter: FittedAdapter) -> AdapterJson:
    """Convert an adapter that is merged into weights to JSON."""
    changes: list[ChangeJson] = [
        {"key": as_text(key), "change": as_text(change)} for key, change in adapter.changes.items()
    ]
    return {
        "name": as_text(adapter.name),
        "lost": as_text(adapter.prefix.lost),
        "added": as_text(adapter.prefix.added),
        "changes": changes,
    }


def layer_json(layer: KeptLayer) -> KeptLayerJson:
    """Convert a layer with an adapter beside it to JSON."""
    return {
        "module": as_text(layer.module),
        "scale": layer.scale,
        "rank": layer.rank,
        "nodes": [as_text(name) for name in layer.nodes],
        "tensors": [as_text(name) for name in layer.tensors],
        "given": layer.given,
        "dtype": layer.dtype,
    }
