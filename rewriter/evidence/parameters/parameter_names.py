"""Witness: parameters named as in a state dict, and their readers.

`encoder.layer.0.query.weight` belongs to `encoder.layer.0.query`. Only constants can be parameters:
activations (`input.4` in torch.jit) and inputs (`past_key_values.0.key`) have dotted names too. Exporters
store equal parameters in one initializer and write `Identity` nodes whose results have the names of the
others; such a node is an alias of the initializer. `shared_tensors` decides about tensors with several
readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Set

from rewriter.evidence.certainty import PlacementRule
from rewriter.evidence.claims import Claim, ParameterClaim, Source, Testimony
from rewriter.evidence.metadata.tags import TRANSPOSED
from rewriter.evidence.names.derived_names import is_named_transposed, parameter_named_by
from rewriter.evidence.names.grammar import owner_of_parameter
from rewriter.evidence.names.original_names import owners_given
from rewriter.evidence.parameters.owners import owners_of_constants
from rewriter.evidence.parameters.shared_tensors import decide
from rewriter.evidence.parameters.tensor_roles import operands_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.metadata import read
from rewriter.paths import ModulePath


def testify(graph: GraphIndex) -> Testimony:
    """Return claims on nodes that read or alias a named parameter, and on the parameters."""
    owners_for = owners_given(graph)
    named: dict[int, list[int]] = {}
    aliases: dict[int, ModulePath] = {}
    for node, inputs in enumerate(graph.reads):
        owners = owners_for(node)
        if _is_alias(graph, node):
            aliases[node] = owners[graph.writes[node][0]]
        elif values := [value for value in inputs if value in owners]:
            named[node] = values
    claims = []
    times = Counter(value for values in named.values() for value in {*values})
    holders = {owner for owner in owners_of_constants(graph).values() if owner}
    for node, module in sorted({**aliases, **decide(graph, named, owners_for)}.items()):
        if module:
            values = graph.writes[node] if node in aliases else named[node]
            detail = ", ".join([graph.value_names[value] for value in values])
            own = {owners_for(node)[value] for value in values if times[value] == 1}
            rule = PlacementRule.TEXT if node in aliases else _rule(module, own, holders)
            claims.append(Claim(node, module, None, Source.PARAMETER, None, detail, rule))
    return Testimony(tuple(claims), {}, tuple(_named(graph, owners_of_constants(graph))))


def _rule(module: ModulePath, own: Set[ModulePath], holders: Set[ModulePath]) -> PlacementRule:
    """Return the rule by which a reader of named weights is placed in `module`.

    Args:
        module: the module.
        own: the owners of the weights that no other node reads.
        holders: the modules with weights of their own. A module with submodules and weights may compute with
            the weights of its submodules: `MultiheadAttention` never calls its `out_proj`.
    """
    if own != {module}:
        return PlacementRule.SHARED_WEIGHT
    return PlacementRule.FUNCTIONAL if module.parent in holders else PlacementRule.OWN_WEIGHT


def alias_of(graph: GraphIndex, value: int) -> int:
    """Return the initializer from which `Identity` nodes make a value; the value itself without one."""
    origin = value
    seen = set()
    while (node := graph.producer[origin]) != NONE and graph.operators[node][1] == "Identity":
        if origin in seen or not graph.reads[node] or graph.reads[node][0] == NONE:
            return value
        seen.add(origin)
        origin = graph.reads[node][0]
    return origin if origin in graph.initializers else value


def readers_of(graph: GraphIndex, value: int) -> list[int]:
    """Return the nodes that read an initializer, directly or through an alias, without the aliases."""
    found: set[int] = set()
    pending = [value]
    seen = {value}
    while pending:
        for reader in graph.readers[pending.pop()]:
            if not _is_alias(graph, reader):
                found.add(reader)
                continue
            new = {written for written in graph.writes[reader] if written != NONE} - seen
            seen |= new
            pending.extend(new)
    return sorted(found)


def _is_alias(graph: GraphIndex, node: int) -> bool:
    """Whether a node is an `Identity` that gives an initializer the name of another parameter."""
    if graph.operators[node][1] != "Identity" or not graph.writes[node] or graph.writes[node][0] == NONE:
        return False
    value = graph.writes[node][0]
    return alias_of(graph, value) != value and owner_of_parameter(graph.value_names[value]) is not None


def _named(graph: GraphIndex, owners: Mapping[int, ModulePath]) -> Iterator[ParameterClaim]:
    """Yield claims on the initializers with the name of a parameter, then one for each alias.

    Scales and zero points are parts of a quantised weight and get no claims.
    """
    helpers = operands_of(graph).helpers
    for value, tensor in graph.initializers.items():
        if value not in helpers and (owner := owners.get(value)):
            noted = bool(tensor.metadata_props) and TRANSPOSED in read(tensor)
            transposed = noted or is_named_transposed(tensor.name)
            name = owner.child(_local(tensor.name))
            yield ParameterClaim(tensor.name, name, transposed, Source.PARAMETER)
    for node in range(len(graph.nodes)):
        if _is_alias(graph, node):
            value = graph.writes[node][0]
            origin = graph.value_names[alias_of(graph, value)]
            yield ParameterClaim(origin, ModulePath(graph.value_names[value]), False, Source.PARAMETER)


def _local(name: str) -> str:
    """Return the name of a parameter inside its module: `fc.weight_quantized` -> `weight`."""
    return parameter_named_by(name).rpartition(".")[2]
