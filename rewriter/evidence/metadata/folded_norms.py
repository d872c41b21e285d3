"""Finds nodes into which the exporter folded a batch norm, and places them.

The dynamo exporter replaces a convolution or product and the batch norm behind it by one node. The weight and
bias of the node keep the names of the product's parameters, but all metadata is the norm's: the module stack,
and the recorded operator of torch. So if the recorded operator is a batch norm and the node computes a
product, a norm was folded into it. The node belongs to the owner of its weight, or of its bias if the weight
has no name of a parameter. No other node may read this parameter.

A module that multiplies by the weight of another module itself (tied weights, `F.conv2d(x, other.weight)`)
has torch's operator of the product in its metadata, so its nodes stay. But if such a product is folded, the
node goes to the owner of the weight, since no record of the module that computed the product is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rewriter.evidence.names.derived_names import PRODUCTS
from rewriter.evidence.names.original_names import owners_given
from rewriter.evidence.parameters.parameter_names import readers_of
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath

_NORM = "batch_norm"
"""A part of the names of all operators of torch that compute a batch norm."""


class Fold(NamedTuple):
    """Node into which a norm was folded, the owner of its weight or bias, and the name of that parameter."""

    node: int
    owner: ModulePath
    parameter: str


def find_folds(graph: GraphIndex, recorded: Iterable[tuple[int, str]]) -> Iterator[Fold]:
    """Yield the nodes that compute a product instead of the recorded norm, if a parameter shows the owner.

    Args:
        graph: the model.
        recorded: nodes, and the names of the operators of torch in their metadata.
    """
    owners_for = owners_given(graph)
    for node, operator in recorded:
        if _NORM not in operator or graph.operators[node][1] not in PRODUCTS:
            continue
        owners = owners_for(node)
        weight_and_bias = graph.reads[node][1:3]
        named = next((value for value in weight_and_bias if value in owners), None)
        if named is not None and owners[named] and readers_of(graph, named) == [node]:
            yield Fold(node, owners[named], graph.value_names[named])
