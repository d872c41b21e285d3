"""Returns the names that nodes and parameters had before `restore_names`. Witnesses read these names.

A restored name repeats the result of an earlier run. If it counted as evidence, it would place nodes that
were unplaced, and contradict owners of parameters that the original name did not contradict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rewriter.evidence.metadata.tags import EVIDENCE, ORIGINAL_NAME
from rewriter.evidence.names.scope_grammar import owner_of_parameter
from rewriter.evidence.parameters.owners import owners_of_constants
from rewriter.model.index.graph import GraphIndex
from rewriter.model.metadata import get
from rewriter.paths import ModulePath


def names_given(graph: GraphIndex) -> Sequence[str]:
    """Return node -> its name before `restore_names`; '' for none."""
    if not any(ORIGINAL_NAME in noted for noted in set(graph.metadata_keys)):
        return graph.names
    names = list(graph.names)
    for node, entries in graph.entries(frozenset({ORIGINAL_NAME}).intersection):
        names[node] = entries[ORIGINAL_NAME]
    return names


def owners_given(graph: GraphIndex) -> Callable[[int], Mapping[int, ModulePath]]:
    """Return a function from a node to the owners that it may use: constant named after a parameter -> owner.

    A name from `restore_names` is no evidence on a node with own tags, since it follows from the tags.
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
    return lambda node: given if EVIDENCE in graph.metadata_keys[node] else owners
