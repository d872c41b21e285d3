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
from rewriter.model.index.index_cache import once_per_index
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
    owners, given = owners_of_constants(graph), _owners_before(graph)
    if given is owners:
        return lambda node: owners
    return lambda node: given if EVIDENCE in graph.metadata_keys[node] else owners


@once_per_index
def _owners_before(graph: GraphIndex) -> Mapping[int, ModulePath]:
    """Return the owners of constants by the names before `restore_names`."""
    owners = owners_of_constants(graph)
    restored = {
        value: name
        for value in graph.initializers
        if value in graph.noted
        and value in owners
        and (name := get(graph.initializers[value], ORIGINAL_NAME)) is not None
    }
    if not restored:
        return owners
    given = {value: owner for value, owner in owners.items() if value not in restored}
    for value, name in restored.items():
        if owner := owner_of_parameter(name):
            given[value] = owner
    return given
