"""Witness: the file that this one was made from, whose tree is known, or the sidecar of that file.

A node that stands for nodes of the original (see `node_origins`) belongs to their lowest common module; a
batch norm that was folded into a product does not count. A sidecar has the names of nodes and values, but no
edges. With a sidecar, a node is recognised by its name, by the name of a value that it writes, or by a name
from which one of these was derived. If a node is named after a value that it reads, only the names of the
values that it writes count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from rewriter.evidence.certainty import Certainty, PlacementRule, weakest
from rewriter.evidence.claims import Claim, ParameterClaim, Source, Testimony, earlier_rule
from rewriter.evidence.names.derived_names import is_named_after_input, node_named_by, value_named_by
from rewriter.evidence.original.node_origins import Descent
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ModulePath, common_ancestor


class Place(NamedTuple):
    """A call of a module, and the certainty of this placement; `call` is None if unknown."""

    module: ModulePath
    call: int | None
    certainty: Certainty = Certainty.NAMED


@dataclass(frozen=True, slots=True)
class Like:
    """A known tree, and the data by which its nodes are recognised.

    Attributes:
        graph: the original; None if only names are known.
        places: node of the original -> its place, None for an unplaced node; () without a graph.
        nodes: name of a node -> its place.
        values: name of a value -> the place of the node that writes it.
        parameters: the parameters in the initializers of the original.
        classes: module -> its class, None if unknown.
        calls: module -> number of its calls.
        name: name of the original in messages.
        order: names of values in file order, if only names are known.
        shapes: name of an initializer -> its shape, if only names are known.
    """

    graph: GraphIndex | None
    places: tuple[Place | None, ...]
    nodes: Mapping[str, Place]
    values: Mapping[str, Place]
    parameters: tuple[ParameterClaim, ...]
    classes: Mapping[ModulePath, str | None]
    calls: Mapping[ModulePath, int] = field(default_factory=dict)
    name: str = "the original"
    order: tuple[str, ...] = ()
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def testify(graph: GraphIndex, like: Like) -> Testimony:
    """Return claims on nodes that stand for nodes of the original, with its parameters, classes and calls."""
    descent = Descent(like.graph, graph) if like.graph else None
    found = _by_descent(descent, like.places) if descent else _by_names(graph, like)
    folded = descent.norms if descent else {}
    norms = {node: place.module for node, norm in folded.items() if (place := like.places[norm])}
    initializers = {graph.value_names[value] for value in graph.initializers}
    return Testimony(
        tuple(found),
        {module: name for module, name in like.classes.items() if name},
        tuple(c._replace(source=Source.LIKE) for c in like.parameters if c.initializer in initializers),
        calls=dict(like.calls),
        norms=norms,
    )


def _by_descent(descent: Descent, places: Sequence[Place | None]) -> Iterable[Claim]:
    for node, origins in enumerate(descent.origins):
        known = {place for origin in origins if (place := places[origin]) is not None}
        if place := _in_common(known):
            names = ", ".join(str(descent.original.nodes[origin].name) for origin in sorted(origins)[:4])
            rule = _rule(place) if descent.same[node] != NONE else _rule_of_new(place, known)
            yield Claim(node, place.module, None, Source.LIKE, place.call, f"stands for {names}", rule)


def _by_names(graph: GraphIndex, like: Like) -> Iterable[Claim]:
    for node, proto in enumerate(graph.nodes):
        written = [graph.value_names[value] for value in graph.writes[node] if value != NONE]
        derived = () if is_named_after_input(graph, node, graph.names[node]) else map(value_named_by, written)
        tables = [(like.values, name) for name in (*written, *derived)]
        if not is_named_after_input(graph, node, graph.names[node]):
            name = str(proto.name)
            tables = [(like.nodes, name), *tables, (like.nodes, node_named_by(name))]
        found = next(((name, table[name]) for table, name in tables if name and name in table), None)
        if found:
            name, place = found
            detail = f"bears the name {name}"
            yield Claim(node, place.module, None, Source.LIKE, place.call, detail, _rule(place))


def _rule(place: Place) -> PlacementRule:
    """Return the rule for a node of the original: its placement there may be a guess."""
    return earlier_rule(place.certainty, Source.LIKE)


def _rule_of_new(place: Place, known: Set[Place]) -> PlacementRule:
    """Return the rule for a node that replaces nodes of the places `known`."""
    if len({each.module for each in known}) > 1:
        return PlacementRule.REPLACES_SEVERAL
    return _rule(place) if place.certainty is Certainty.GUESSED else PlacementRule.REPLACES


def _in_common(places: set[Place]) -> Place | None:
    """Return the lowest common module of places, with its call if they agree on one; None without places."""
    if len(places) == 1:
        return next(iter(places))
    module = common_ancestor(sorted(place.module for place in places))
    if module is None:
        return None
    calls = {place.call for place in places if place.module == module}
    certainty = weakest(place.certainty for place in places)
    return Place(module, calls.pop() if len(calls) == 1 else None, certainty)
