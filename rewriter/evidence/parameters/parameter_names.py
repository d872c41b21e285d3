"""Witness: parameters named as in a state dict, and their readers.

`encoder.layer.0.query.weight` belongs to `encoder.layer.0.query`. Only constants can be parameters:
activations (`input.4` in torch.jit) and inputs (`past_key_values.0.key`) have dotted names too. Exporters
store equal parameters in one initializer and write `Identity` nodes whose results have the names of the
others; such a node is an alias of the initializer. `shared_tensors` decides about tensors with several
readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import Path

from rewriter.evidence.certainty import PlacementRule
from rewriter.evidence.claims import Claim, Holds, ParameterClaim, Source, Testimony
from rewriter.evidence.lost_names.gate_names import is_stacked
from rewriter.evidence.metadata.tags import DIFFERS, HOLDS, TRANSPOSED
from rewriter.evidence.names.derived_names import is_folded_in, is_named_transposed, is_of_folded_norm
from rewriter.evidence.names.original_names import owners_given
from rewriter.evidence.names.scope_grammar import owner_of_parameter, scope_of_node_name
from rewriter.evidence.parameters.owners import local_name, owner_by_variable, owners_of_constants
from rewriter.evidence.parameters.shared_tensors import decide
from rewriter.evidence.parameters.tensor_roles import operands_of
from rewriter.evidence.parameters.tied_tables import Tie, ties
from rewriter.evidence.roles import Role
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.index.index_cache import once_per_index
from rewriter.model.metadata import read
from rewriter.paths import ROOT, ModulePath, common_ancestor

_RELATIONS = frozenset(map(str, Holds))


def testify(graph: GraphIndex, folder: Path | None = None) -> Testimony:
    """Return claims on nodes that read or alias a named parameter, and on the parameters.

    Args:
        graph: the model.
        folder: the folder of its external data, if known.
    """
    owners_for = owners_given(graph)
    tied = list(ties(graph, folder))
    lookups = {node for tie in tied for node in tie.lookups}
    named: dict[int, list[int]] = {}
    aliases: dict[int, ModulePath] = {}
    norms: dict[int, ModulePath] = {}
    for node, inputs in enumerate(graph.reads):
        owners = owners_for(node)
        if _is_alias(graph, node):
            aliases[node] = owners[graph.writes[node][0]]
        elif values := [value for value in inputs if value in owners and node not in lookups]:
            named[node] = _without_folded_in(graph, values)
            biases = (value for value in values if is_of_folded_norm(graph.value_names[value]))
            if (bias := next(biases, None)) is not None:
                norms[node] = owners[bias]
    decided = decide(graph, named, owners_for)
    claims = [*_of_readers(graph, named, aliases, decided, owners_for)]
    dequantised = _of_dequantised(graph, decided, named)
    variables = _readers_of_variables(graph, named.keys() | aliases.keys() | dequantised.keys())
    for found, rule in (
        (dequantised, PlacementRule.DEQUANTISED),
        (variables, PlacementRule.VARIABLE),
    ):
        claims += (_claim(graph, node, module, values, rule) for node, (module, values) in found.items())
    claims += _of_output_layers(graph, tied, decided.keys())
    return Testimony(tuple(claims), {}, tuple(_named(graph, owners_of_constants(graph))), norms=norms)


def _of_readers(
    graph: GraphIndex,
    named: Mapping[int, list[int]],
    aliases: Mapping[int, ModulePath],
    decided: Mapping[int, ModulePath],
    owners_for: Callable[[int], Mapping[int, ModulePath]],
) -> Iterator[Claim]:
    """Yield claims on the nodes that read or alias named tensors.

    A list of parameters is never called: its parent reads them. There is no claim on the root.
    """
    times = Counter(value for values in named.values() for value in {*values})
    holders = {owner for owner in owners_of_constants(graph).values() if owner}
    for node, module in sorted({**aliases, **decided}.items()):
        if not module:
            continue
        values = graph.writes[node] if node in aliases else named[node]
        own = {owners_for(node)[value] for value in values if times[value] == 1}
        rule = PlacementRule.TEXT if node in aliases else _rule(graph, module, own, holders)
        listed = all(local_name(module, graph.value_names[value]).isdecimal() for value in values)
        place = module.parent or ROOT if listed or rule is PlacementRule.ATTENTION else module
        if place:
            yield _claim(graph, node, place, values, rule)


def _claim(
    graph: GraphIndex, node: int, module: ModulePath, values: Sequence[int], rule: PlacementRule
) -> Claim:
    detail = ", ".join([str(graph.value_names[value]) for value in values])
    return Claim(node, module, None, Source.PARAMETER, None, detail, rule)


def _of_output_layers(graph: GraphIndex, tied: Sequence[Tie], others: Set[int]) -> Iterator[Claim]:
    """Yield claims on products with the transpose of a table that has the name of their module."""
    for tie in tied:
        for node in tie.products:
            if node not in others:
                yield _claim(graph, node, tie.owner, (tie.table,), PlacementRule.TIED)


def _without_folded_in(graph: GraphIndex, values: list[int]) -> list[int]:
    """Leave out parameters that were folded into the layer of the other ones, if there are others."""
    return [value for value in values if not is_folded_in(graph.value_names[value])] or values


def _rule(
    graph: GraphIndex, module: ModulePath, own: Set[ModulePath], holders: Set[ModulePath]
) -> PlacementRule:
    """Return the rule by which a reader of named weights of `module` is placed.

    Args:
        graph: the model.
        module: the module.
        own: the owners of the weights that no other node reads.
        holders: the modules with weights of their own. A module with submodules and weights may compute with
            the weights of its submodules: `MultiheadAttention` never calls its `out_proj`.
    """
    if own != {module}:
        return PlacementRule.SHARED_WEIGHT
    if _is_projection_of_attention(graph, module):
        return PlacementRule.ATTENTION
    return PlacementRule.FUNCTIONAL if module.parent in holders else PlacementRule.OWN_WEIGHT


def _is_projection_of_attention(graph: GraphIndex, module: ModulePath) -> bool:
    """Whether a module is the `out_proj` of torch's `MultiheadAttention`, which computes with its weights.

    That class names its packed parameters `in_proj_weight` and `in_proj_bias`, and never calls `out_proj`.
    """
    attention = module.parent or ROOT
    packed = (attention.child("in_proj_weight"), attention.child("in_proj_bias"))
    return module.name == "out_proj" and any(graph.value(name) != NONE for name in packed)


def _of_dequantised(
    graph: GraphIndex, decided: Mapping[int, ModulePath], named: Mapping[int, list[int]]
) -> dict[int, tuple[ModulePath, list[int]]]:
    """Return node -> its module and its weights, for the only readers of results of decided DequantizeLinear.

    Nodes that read a named tensor themselves (`named`) are left out.
    """
    weights: dict[int, dict[int, int]] = {}
    for maker in decided:
        if (weight := dequantised_by(graph, maker)) != NONE:
            readers = [graph.readers[value] for value in graph.writes[maker] if value != NONE]
            for node in {nodes[0] for nodes in readers if len(nodes) == 1} - named.keys():
                weights.setdefault(node, {})[maker] = weight
    found = {}
    for node, makers in weights.items():
        if module := common_ancestor(sorted({decided[maker] for maker in makers})):
            found[node] = module, sorted(makers.values())
    return found


def dequantised_by(graph: GraphIndex, node: int) -> int:
    """Return the constant that a DequantizeLinear reads; NONE for any other node, or for an activation."""
    if node == NONE or graph.operators[node][1] != "DequantizeLinear" or not graph.reads[node]:
        return NONE
    value = graph.reads[node][0]
    return value if value in graph.constants else NONE


def _readers_of_variables(graph: GraphIndex, others: Set[int]) -> dict[int, tuple[ModulePath, list[int]]]:
    """Return node -> the owner of TensorFlow's variables that only this node reads, and the variables.

    Nodes in `others` are left out, and those with a scope in their names: it is better evidence.
    """
    owners: dict[int, dict[int, ModulePath]] = {}
    for value, role in operands_of(graph).roles.items():
        readers = graph.readers[value]
        alone = role is Role.PARAMETER and len(readers) == 1 and others.isdisjoint(readers)
        if alone and (owner := owner_by_variable(graph, value)):
            owners.setdefault(readers[0], {})[value] = owner
    return {
        node: (module, sorted(held, key=graph.reads[node].index))
        for node, held in owners.items()
        if scope_of_node_name(graph.names[node]) is None
        and (module := common_ancestor(sorted(set(held.values()))))
    }


def alias_of(graph: GraphIndex, value: int) -> int:
    """Return the initializer from which `Identity` nodes make a value; the value itself without one."""
    return origins_of(graph).get(value, value)


@once_per_index
def origins_of(graph: GraphIndex) -> Mapping[int, int]:
    """Map each value that `Identity` nodes make from an initializer to that initializer."""
    origins: dict[int, int] = {}
    pending = [(value, value) for value in graph.initializers]
    while pending:
        value, origin = pending.pop()
        for reader in graph.readers[value]:
            if graph.operators[reader][1] == "Identity" and graph.reads[reader][:1] == [value]:
                new = [made for made in graph.writes[reader] if made != NONE and made not in origins]
                origins.update(dict.fromkeys(new, origin))
                pending += ((made, origin) for made in new)
    return origins


def readers_of(graph: GraphIndex, value: int) -> list[int]:
    """Return the nodes that read an initializer, directly or through an alias, without the aliases."""
    readers = graph.readers[value]
    if not any(_is_alias(graph, reader) for reader in readers):
        return sorted(readers)
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
    if value not in owners_of_constants(graph) or alias_of(graph, value) == value:
        return False
    return owner_of_parameter(graph.value_names[value]) is not None


def _named(graph: GraphIndex, owners: Mapping[int, ModulePath]) -> Iterator[ParameterClaim]:
    """Yield claims on the initializers with the name of a parameter, then one for each alias.

    Scales and zero points are parts of a quantised weight and get no claims; `recurrent_weights` has those on
    initializers that hold several parameters.
    """
    for name, values in _by_parameter(graph, owners).items():
        for value in values:
            initializer = graph.value_names[value]
            transposed, detail, holds = is_named_transposed(initializer), "", None
            if value in graph.noted:
                noted = read(graph.initializers[value])
                transposed, detail = transposed or TRANSPOSED in noted, noted.get(DIFFERS, "")
                holds = Holds(noted[HOLDS]) if noted.get(HOLDS) in _RELATIONS else None
            yield ParameterClaim(initializer, name, transposed, Source.PARAMETER, None, holds, "", detail)
    for node in range(len(graph.nodes)):
        if _is_alias(graph, node):
            value = graph.writes[node][0]
            origin = graph.value_names[alias_of(graph, value)]
            yield ParameterClaim(origin, ModulePath(graph.value_names[value]), False, Source.PARAMETER)


def _by_parameter(graph: GraphIndex, owners: Mapping[int, ModulePath]) -> Mapping[ModulePath, Sequence[int]]:
    """Map each parameter to the initializers that are named after it: `fc.weight`, `fc.weight_quantized`.

    If there are several and nodes read some of them, the others are left out: tools leave the weight behind
    that they replaced. The shortest name comes first, which may be that of the parameter itself.
    """
    helpers, names = operands_of(graph).helpers, graph.value_names
    found: dict[ModulePath, list[int]] = {}
    for value in graph.initializers:
        if value not in helpers and (owner := owners.get(value)) and not is_stacked(graph, value):
            found.setdefault(owner.child(local_name(owner, names[value])), []).append(value)
    for name, values in found.items():
        if len(values) > 1:
            in_use = [value for value in values if graph.readers[value]] or values
            found[name] = sorted(in_use, key=lambda value: len(graph.value_names[value]))
    return found
