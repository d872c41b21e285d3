"""Witness: the scopes that exporters leave in the names of nodes and of the values they write.

An exporter gives a node and its values the same scope. A tool that fuses nodes gives the fused node the name
of one of them and the value of another. If the two scopes differ, the fused node belongs to their lowest
common module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from rewriter.evidence.certainty import PlacementRule
from rewriter.evidence.claims import Claim, Source, Testimony
from rewriter.evidence.metadata.tags import COPY_OF, ORDER
from rewriter.evidence.names.call_chains import CallChains
from rewriter.evidence.names.derived_names import PRODUCTS, is_fused, is_named_after_input
from rewriter.evidence.names.original_names import names_given
from rewriter.evidence.names.scope_grammar import (
    NameScope,
    names_value,
    scope_of_node_name,
    scope_of_value_name,
)
from rewriter.evidence.names.tensorflow_names import is_tensor, without_dots
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ROOT, ModulePath, common_ancestor

_NAMED_BY_US = frozenset({ORDER, COPY_OF})
"""Keys on nodes that this tool named: copies, and calls of functions, named after the called module."""


def testify(graph: GraphIndex) -> Testimony:
    """Return claims from the scopes in the names of nodes, or of the values that these nodes write."""
    found: list[tuple[int, NameScope, Source, str]] = []
    names = names_given(graph)
    renamed = _named_by_us(graph)
    for node, name in enumerate(names):
        if node not in renamed and (reading := _read(graph, node, name)):
            scope, source, text = reading
            if _ends_with_operator(scope):
                scope = _without_operator(graph, node, scope, names)
            found.append((node, scope, source, text))
    chains = CallChains(graph, [(node, scope.text) for node, scope, _, _ in found if scope.chain])
    places = chains.places()
    known = {node: module for node, (module, _) in places.items()}
    claims: list[Claim] = []
    classes: dict[ModulePath, str] = {}
    fused = {operator for operator in set(graph.operators) if is_fused(operator)}
    for node, scope, source, text in found:
        module, call = places[node] if scope.chain else (ModulePath(scope.text), None)
        if fused and scope.chain and graph.operators[node] in fused:
            module = known[node] = _of_all_parts(graph, node, scope, chains, known)
        rule = PlacementRule.DOUBTFUL if scope.chain and chains.is_doubtful(scope.text) else None
        claims.append(Claim(node, module, scope.class_name, source, call, text, rule))
        if scope.class_name:
            classes.setdefault(module, scope.class_name)
    norms = {
        node: norm
        for node, (module, _) in places.items()
        if graph.operators[node][1] in PRODUCTS
        and (written := _written_norm(graph, node))
        and (norm := chains.module(written.text)) not in {None, module}
    }
    return Testimony(tuple(claims), classes, called=chains.called(), norms=norms)


def _named_by_us(graph: GraphIndex) -> frozenset[int]:
    """Return the nodes that this tool named."""
    ours = {keys for keys in set(graph.metadata_keys) if not _NAMED_BY_US.isdisjoint(keys)}
    named = enumerate(graph.metadata_keys) if ours else ()
    return frozenset(node for node, keys in named if keys in ours)


def _written_norm(graph: GraphIndex, node: int) -> NameScope | None:
    """Return the scope of the batch norm of which a product writes the result; None without such a norm.

    A tool folded the norm into the product, and the output kept its name.
    """
    if graph.operators[node][1] not in PRODUCTS or not (writes := graph.writes[node]) or writes[0] == NONE:
        return None
    name = graph.value_names[writes[0]]
    if not isinstance(name, str) or not name.rpartition("/")[2].startswith("BatchNormalization"):
        return None
    scope = scope_of_value_name(name)
    return scope if scope and scope.chain else None


def _of_all_parts(
    graph: GraphIndex, node: int, scope: NameScope, chains: CallChains, known: Mapping[int, ModulePath]
) -> ModulePath:
    """Return the lowest common module of the operators that a fused node stands for, if names show it."""
    module = known[node]
    for value in graph.writes[node]:
        written = scope_of_value_name(graph.value_names[value]) if value != NONE else None
        if written and written.chain and written.text != scope.text:
            other = chains.module(written.text)
            module = (common_ancestor((module, other)) or ROOT) if other is not None else module
    return module


def _is_tensorflow(graph: GraphIndex, node: int) -> bool:
    return any(is_tensor(graph.value_names[value]) for value in graph.writes[node] if value != NONE)


def _names_constant(graph: GraphIndex, node: int, name: str) -> bool:
    """Whether a Constant has a scope but not the name that an exporter gives it.

    Builders of models put such constants into other scopes.
    """
    if graph.operators[node][1] != "Constant" or not isinstance(name, str) or not name.startswith("/"):
        return False
    return not name.rpartition("/")[2].startswith("Constant")


@lru_cache(maxsize=1 << 16)  # the nodes of a module have the same scope
def _ends_with_operator(scope: NameScope) -> bool:
    """Whether a call chain may end with the name of an operator, which begins with a capital letter."""
    return scope.chain and scope.text.rpartition("/")[2][:1].isupper()


def _without_operator(graph: GraphIndex, node: int, scope: NameScope, names: Sequence[str]) -> NameScope:
    """Return the scope without names of operators at its end if the node reads the result of the operator.

    Builders of models name further nodes of an operator after it: `/mask/Sub/Cast` casts the result of
    `/mask/Sub`.
    """
    while _ends_with_operator(scope):
        operator = scope.text.rpartition("/")[2]
        if all(
            names[other] != f"/{scope.text}" or graph.operators[other][1] != operator
            for other in graph.predecessors(node)
        ):
            break
        scope = scope._replace(text=scope.text.rpartition("/")[0])
    return scope


def _read(graph: GraphIndex, node: int, name: str) -> tuple[NameScope, Source, str] | None:
    if is_named_after_input(graph, node, name) or _names_constant(graph, node, name):
        return None
    dotted = isinstance(name, str) and "." in name and not name.startswith("/")
    scope = scope_of_node_name(without_dots(name) if dotted and _is_tensorflow(graph, node) else name)
    if scope and not names_value(name):
        return scope, Source.SCOPE_NAME, name
    written = (graph.value_names[value] for value in graph.writes[node] if value != NONE)
    readings = [(told, Source.VALUE_NAME, value) for value in written if (told := scope_of_value_name(value))]
    # A tool named the node after a value. Its output is better evidence, unless the tool named that as well,
    # or the value is the former result of the node, into which the tool folded the norm behind it.
    if scope and (_written_norm(graph, node) or not any(names_value(value) for _, _, value in readings)):
        return scope, Source.SCOPE_NAME, name
    return readings[0] if readings else None
