"""Who owns a constant, by its name.

`fc.MatMul.weight` belongs to `fc` where `/fc/MatMul` is the node that reads it: builders of models name
weights after operators, and an operator is no module.
"""

from __future__ import annotations

from rewriter.evidence.grammar import owner_of_parameter
from rewriter.model.graph import GraphIndex
from rewriter.paths import ModulePath


def owners_of_constants(graph: GraphIndex) -> dict[int, ModulePath]:
    """Constant -> the module that its name says it is a parameter of, for those that are named so."""
    names = graph.value_names
    return {
        value: _without_operator(graph, value, owner)
        for value in graph.constants
        if (owner := owner_of_parameter(names[value]))
    }


def _without_operator(graph: GraphIndex, value: int, owner: ModulePath) -> ModulePath:
    """The module above where the last name of `owner` is that of an operator that reads the value."""
    above = owner.parent
    if not above or not owner.name[0].isupper():
        return owner
    for node in graph.readers[value]:
        name = graph.names[node]
        named = name.strip("/").replace("/", ".") if isinstance(name, str) else ""
        counted = named.startswith(f"{owner}_") and "." not in named[len(owner) :]
        told = named == owner or counted
        if told and str(graph.operators[node][1]).startswith(owner.name):
            return above
    return owner
