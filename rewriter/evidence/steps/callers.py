"""Finds the module that calls others: lists are never called, and a leaf calls nothing."""

from __future__ import annotations

from collections.abc import Sequence, Set

from rewriter.evidence.parameters.owners import owners_of_constants
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath


def lists(modules: Set[ModulePath]) -> set[ModulePath]:
    """Return the lists among the parents of modules: all their children have numbers for names."""
    children: dict[ModulePath, list[ModulePath]] = {}
    for module in modules:
        if (parent := module.parent) is not None:
            children.setdefault(parent, []).append(module)
    return {parent for parent, found in children.items() if all(each.name.isdecimal() for each in found)}


def called_once(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> set[ModulePath]:
    """Return the modules that surely have one call: a node alone reads a constant for one of their nodes."""
    found: set[ModulePath] = set()
    owners = owners_of_constants(graph)
    for node, module in enumerate(modules):
        alone = any(value in owners and len(graph.readers[value]) == 1 for value in graph.reads[node])
        if module is not None and alone and module not in found:
            found |= {module, *module.ancestors()}
    return found


def computing(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> set[ModulePath]:
    """Return the modules that compute with several matrices of their own, such as the cell of a GRU.

    Such a module has no submodule for each product, so it also computes between the products.
    """
    owners = owners_of_constants(graph)
    own: dict[ModulePath, set[int]] = {}
    for node, module in enumerate(modules):
        if module is None:
            continue
        for value in graph.reads[node]:
            tensor = graph.initializers.get(value)
            if tensor is not None and len(tensor.dims) > 1 and owners.get(value) == module:
                own.setdefault(module, set()).add(value)
    return {module for module, matrices in own.items() if len(matrices) > 1}


def calling(module: ModulePath, places: Set[ModulePath]) -> ModulePath:
    """Return the module that calls the places: `module`, or the nearest one above it that is no list.

    A module is a list if it holds all places in numbered children.
    """
    while module and all(map(module.holds_numbered, places)):
        module = above(module)
    return module


def above(module: ModulePath) -> ModulePath:
    """Return the parent of a module; the root for the root."""
    parent = module.parent
    return module if parent is None else parent
