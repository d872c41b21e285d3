"""Finds nodes into which the exporter folded a batch norm, and places them.

The dynamo exporter replaces a convolution or product and the batch norm behind it by one node. The node
multiplies by a weight with the name of the first module's, but all its metadata is the norm's: the stack, and
the recorded operator of torch. So if the recorded operator is a batch norm and the node computes a product, a
norm was folded into it. The node belongs to the owner of the weight, if no other node reads this weight.

A module that multiplies by the weight of another module itself (tied weights, `F.conv2d(x, other.weight)`)
has torch's operator of the product in its metadata, so its nodes stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rewriter.evidence.names.original_names import owners_given
from rewriter.evidence.parameters.parameter_names import readers_of
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath

_PRODUCTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_WEIGHT = 1
"""Position of the weight among the inputs of a product."""
_NORM = "batch_norm"
"""A part of the names of all operators of torch that compute a batch norm."""


class Fold(NamedTuple):
    """Node into which a norm was folded, the owner of its weight, and the name of this weight."""

    node: int
    owner: ModulePath
    weight: str


def find_folds(graph: GraphIndex, recorded: Iterable[tuple[int, str]]) -> Iterator[Fold]:
    """Yield the nodes that compute a product instead of the recorded batch norm, if a weight shows the owner.

    Args:
        graph: the model.
        recorded: nodes, and the names of the operators of torch in their metadata.
    """
    owners_for = owners_given(graph)
    for node, operator in recorded:
        if _NORM not in operator or graph.operators[node][1] not in _PRODUCTS:
            continue
        weight = graph.reads[node][_WEIGHT]
        owner = owners_for(node).get(weight)
        if owner and readers_of(graph, weight) == [node]:
            yield Fold(node, owner, graph.value_names[weight])
