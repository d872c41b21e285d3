"""Resolves a selection to names of nodes, values or initializers, with warnings about their use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rewriter.basics.display import Display, counted, listed
from rewriter.edits.taps.module_values import values_of
from rewriter.errors import UsageError
from rewriter.model.index.graph import NONE
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.modules.selection import Selection
from rewriter.options.words import NamedKind


@dataclass(frozen=True, slots=True, repr=False)
class Chosen(Display):
    """Result of a selection.

    Attributes:
        modules: the selected modules, in tree order; empty if the selection does not restrict modules.
        nodes: numbers of the selected nodes.
        what: the kind of named objects.
        names: names of the selected nodes, values or initializers, each once, in file order; names that
            are empty or not UTF-8 are left out. Inputs and outputs are in the order of the modules.
        notes: warnings about the use of the names, one line each.
    """

    modules: tuple[Module, ...]
    nodes: tuple[int, ...]
    what: NamedKind
    names: tuple[str, ...]
    notes: tuple[str, ...]

    def _brief(self) -> str:
        return f"{counted(len(self.names), 'name')} of {self.what}: {listed(self.names)}"


def choose(analysis: Analysis, selection: Selection, what: NamedKind = NamedKind.NODES) -> Chosen:
    """Find the names of the selected nodes, of their outputs, of their initializers, or at the boundary.

    Initializers are those that the nodes read and, if the selection names no operator, the parameters of
    the selected modules and of the modules below. Inputs and outputs are those of every call of the selected
    modules; see `module_values`.

    Raises:
        UsageError: the selection matches nothing.
    """
    nodes = selection.nodes(analysis)
    modules = selection.fitting(analysis) if selection.of_modules else ()
    notes: list[str] = []
    if what is NamedKind.NODES:
        found: Iterable[str] = (analysis.graph.nodes[node].name for node in nodes)
        notes = _notes(analysis, nodes)
    elif what is NamedKind.VALUES:
        names = analysis.graph.value_names
        found = (names[value] for node in nodes for value in analysis.graph.writes[node] if value != NONE)
    elif what in (NamedKind.INPUTS, NamedKind.OUTPUTS):
        found = _boundary(analysis, selection, what)
    else:
        holders = selection.with_inner(analysis) if modules and not selection.operators else ()
        found = _initializers(analysis, nodes, holders)
    named = tuple(dict.fromkeys(name for name in found if name and isinstance(name, str)))
    if analysis.grouped:
        notes.append("the file is grouped: names are those of the flat model, see 'rewriter flatten'")
    return Chosen(modules, nodes, what, named, tuple(notes))


def _boundary(analysis: Analysis, selection: Selection, what: NamedKind) -> Iterable[str]:
    """Yield the names of the values that enter or leave the calls of the selected modules."""
    paths = [module.path for module in selection.modules(analysis)]
    for call in values_of(analysis, paths):
        values = call.inputs if what is NamedKind.INPUTS else call.outputs
        yield from (analysis.graph.value_names[value] for value in values)


def demand_names(analysis: Analysis, chosen: Chosen) -> None:
    """Refuse a selection without names, because a tool that reads an empty list would do nothing.

    Raises:
        UsageError: there is no name.
    """
    if not chosen.names:
        raise UsageError("; ".join((f"{analysis.path or 'model'}: no {chosen.what} to name", *chosen.notes)))


def _initializers(analysis: Analysis, nodes: Iterable[int], modules: Iterable[Module]) -> Iterable[str]:
    graph = analysis.graph
    wanted = {
        graph.value_names[value]
        for node in nodes
        for value in graph.reads[node]
        if value in graph.initializers
    }
    wanted.update(parameter.initializer for module in modules for parameter in module.parameters)
    return (graph.value_names[value] for value in graph.initializers if graph.value_names[value] in wanted)


def _notes(analysis: Analysis, nodes: tuple[int, ...]) -> list[str]:
    """Return warnings about selected nodes without a name, and with names that unselected nodes also have."""
    protos = analysis.graph.nodes
    notes = []
    if unnamed := [node for node in nodes if not protos[node].name]:
        placed = sum(analysis.tree.placements[node] is not None for node in unnamed)
        restore = "'rewriter rewrite --restore-names'"
        mend = (
            f"name them with {restore}" if placed == len(unnamed) else f"{restore} can name {placed} of them"
        )
        notes.append(f"{len(unnamed):,} of {counted(len(nodes), 'node')} left out for lack of a name; {mend}")
    everywhere = Counter(proto.name for proto in protos)
    chosen = Counter(protos[node].name for node in nodes)
    shared = [name for name, count in chosen.items() if name and count < everywhere[name]]
    if shared:
        notes.append(
            f"{counted(len(shared), 'name')} shared with other nodes, first {shared[0]!r}: "
            "tools that take names cannot tell these nodes apart"
        )
    return notes
