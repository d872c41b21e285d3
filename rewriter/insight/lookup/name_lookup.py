"""Finds nodes, values, weights and modules by name."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from glob import escape as escape_glob

from rewriter.model.index.graph import NONE
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.modules.wrappers import spellings
from rewriter.paths import ModulePath


class Subject(StrEnum):
    """The kinds of things that a name may be of, in order of preference."""

    NODE = "node"
    VALUE = "value"
    """An input of a graph or function, or a result of a node."""
    WEIGHT = "weight"
    """An initializer, by its own name or by that of a parameter that it holds."""
    MODULE = "module"


def subjects_of(analysis: Analysis, name: str) -> dict[Subject, tuple[int, ...]]:
    """Return kind -> numbers of the things of this name; kinds without any are left out.

    The numbers are those of nodes or values in the GraphIndex; for a module, the number is its position in
    the tree. Several bodies may use a name, so there may be several nodes, values and weights.
    """
    graph = analysis.graph
    if not name:
        return {}
    values = [value for value, text in enumerate(graph.value_names) if text == name]
    found = {
        Subject.NODE: tuple(node for node, text in enumerate(graph.names) if text == name),
        Subject.VALUE: tuple(value for value in values if value not in graph.initializers),
        Subject.WEIGHT: tuple(dict.fromkeys(_weights(analysis, name, values))),
        Subject.MODULE: tuple(_modules(analysis, name)),
    }
    return {subject: numbers for subject, numbers in found.items() if numbers}


def names_of(analysis: Analysis, subject: Subject) -> Iterator[str]:
    """Yield the names of all things of one kind."""
    graph = analysis.graph
    match subject:
        case Subject.NODE:
            yield from graph.names
        case Subject.VALUE:
            written = (value for outputs in graph.writes for value in outputs if value != NONE)
            formals = (value for body in graph.bodies for value in body.formals)
            yield from (graph.value_names[value] for value in (*written, *formals))
        case Subject.WEIGHT:
            yield from (graph.value_names[value] for value in graph.initializers)
            yield from (str(full) for full, _ in _parameters(analysis))
        case Subject.MODULE:
            yield from (str(module.path) for module in analysis.tree)


def _weights(analysis: Analysis, name: str, values: list[int]) -> Iterator[int]:
    """Yield the initializers of a name, then those with a parameter of this name, found as modules are."""
    graph = analysis.graph
    yield from (value for value in values if value in graph.initializers)
    named = graph.initializer_named
    for full in spellings(name, analysis.tree):
        found = [named[held] for known, held in _parameters(analysis) if known == full and held in named]
        if found:
            yield from found
            return


def _parameters(analysis: Analysis) -> Iterator[tuple[ModulePath, str]]:
    """Yield the full name of each parameter, and the name of its initializer."""
    for module in analysis.tree:
        for parameter in module.parameters:
            yield module.path.child(parameter.name), parameter.initializer


def _modules(analysis: Analysis, name: str) -> Iterator[int]:
    """Yield the position of the module with a path; the prefix of a wrapper (`model.`) may be left out."""
    tree, path = analysis.tree, ModulePath("" if name == "(root)" else name)
    if path in tree:
        fitting: tuple[Module, ...] = (tree[path],)
    else:
        fitting = tree.fitting(path) if escape_glob(path) == path else ()
    places = {module.path: place for place, module in enumerate(tree)}
    yield from (places[module.path] for module in fitting)
