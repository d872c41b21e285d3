"""Witness: parameters named as in a state dict, and who reads them.

`encoder.layer.0.query.weight` belongs to `encoder.layer.0.query`. Exporters put equal parameters into one
initializer and write `Identity` nodes named after the others; those are aliases and are seen through.
"""

from __future__ import annotations

from collections.abc import Iterator

from rewriter.evidence.claim import Claim, ParameterClaim, Source, Testimony
from rewriter.evidence.grammar import owner_of_parameter
from rewriter.evidence.tags import TRANSPOSED
from rewriter.model.graph import NONE, GraphIndex
from rewriter.model.metadata import read
from rewriter.paths import ModulePath, common_ancestor


def testify(graph: GraphIndex) -> Testimony:
    """A claim for every node that reads a named parameter, and the parameters themselves."""
    claims = []
    for node, inputs in enumerate(graph.reads):
        names = [graph.value_names[value] for value in inputs if value != NONE]
        owners = [owner for name in names if (owner := owner_of_parameter(name))]
        if owners and (module := common_ancestor(owners)):
            detail = ", ".join(name for name in names if owner_of_parameter(name))
            claims.append(Claim(node, module, None, Source.PARAMETER, None, detail))
    return Testimony(tuple(claims), {}, tuple(_named(graph)))


def alias_of(graph: GraphIndex, value: int) -> int:
    """The initializer a value stands for, seen through `Identity`; the value itself where it is no alias."""
    origin = value
    seen = set()
    while (node := graph.producer[origin]) != NONE and graph.nodes[node].op_type == "Identity":
        if origin in seen or not graph.reads[node] or graph.reads[node][0] == NONE:
            return value
        seen.add(origin)
        origin = graph.reads[node][0]
    return origin if origin in graph.initializers else value


def _named(graph: GraphIndex) -> Iterator[ParameterClaim]:
    """Initializers that bear the name of a parameter, then the aliases that share them."""
    for tensor in graph.initializers.values():
        if owner_of_parameter(tensor.name):
            transposed = bool(tensor.metadata_props) and TRANSPOSED in read(tensor)
            yield ParameterClaim(tensor.name, ModulePath(tensor.name), transposed, Source.PARAMETER)
    for node, proto in enumerate(graph.nodes):
        if proto.op_type == "Identity" and graph.writes[node] and (value := graph.writes[node][0]) != NONE:
            name = graph.value_names[value]
            origin = alias_of(graph, value)
            if origin != value and owner_of_parameter(name):
                yield ParameterClaim(graph.value_names[origin], ModulePath(name), False, Source.PARAMETER)
