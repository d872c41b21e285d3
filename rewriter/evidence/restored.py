"""The names that a file had before `restore_names`: evidence is read from these.

A name of ours repeats what an earlier run found. Heard as a witness of its own it would teach of other nodes
what nobody knew, and contradict owners of parameters that did not contradict before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rewriter.evidence.grammar import owner_of_parameter
from rewriter.evidence.owners import owners_of_constants
from rewriter.evidence.tags import EVIDENCE, ORIGINAL_NAME
from rewriter.model.graph import GraphIndex
from rewriter.model.metadata import get
from rewriter.paths import ModulePath


def names_given(graph: GraphIndex) -> Sequence[str]:
    """Node -> the name it had before `restore_names`; '' for a node that had none."""
    if not any(ORIGINAL_NAME in noted for noted in set(graph.noted)):
        return graph.names
    names = list(graph.names)
    for node, entries in graph.entries(frozenset({ORIGINAL_NAME}).intersection):
        names[node] = entries[ORIGINAL_NAME]
    return names


def owners_given(graph: GraphIndex) -> Callable[[int], Mapping[int, ModulePath]]:
    """Node -> the constants that are named after a parameter, with the owner of each.

    A name that `restore_names` gave says nothing of the nodes that we wrote our tags on: it follows from
    them.
    """
    owners = owners_of_constants(graph)
    restored = [
        value
        for value, tensor in graph.initializers.items()
        if value in owners and tensor.metadata_props and get(tensor, ORIGINAL_NAME) is not None
    ]
    if not restored:
        return lambda node: owners
    given = {value: owner for value, owner in owners.items() if value not in set(restored)}
    for value in restored:
        if owner := owner_of_parameter(get(graph.initializers[value], ORIGINAL_NAME) or ""):
            given[value] = owner
    return lambda node: given if EVIDENCE in graph.noted[node] else owners
