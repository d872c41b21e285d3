"""Pass: remove modules, the outputs that depend on them, and all that only they needed.

Before::

    g (float[2] x) => (float[2] y, float[2] z) {
      ["/body/Relu"] y = Relu (x)
      ["/Neg"] b = Neg (y)
      ["/head/Exp"] z = Exp (b)
    }

After, without `head`::

    g (float[2] x) => (float[2] y) {
      ["/body/Relu"] y = Relu (x)
    }
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from rewriter.basics.display import listed
from rewriter.cutting.calls import calls_of_each, demand_movable, file_of, title_of_body
from rewriter.cutting.main_graph import MainGraph
from rewriter.edits.chosen_modules import ChosenModules
from rewriter.edits.dependents import Dependents
from rewriter.edits.removal import remove_nodes
from rewriter.edits.taps.record import read_taps, write_taps
from rewriter.errors import CannotCut, UsageError
from rewriter.modules.analysis import Analysis
from rewriter.modules.selection import Selection
from rewriter.passes.base import InterfaceEdit, Outcome
from rewriter.passes.preserved_parts import TREE, Part
from rewriter.paths import ROOT, ModulePath

_OWNER = "a body goes only with the module that owns its node"


@dataclass(frozen=True, slots=True, repr=False)
class DropOutcome(Outcome):
    """Result of `drop`: what was removed, by name.

    Attributes:
        modules: the selected modules, without those inside others.
        nodes: number of removed nodes of the main graph.
        others: number of these that are in none of the modules.
        initializers: names of the removed initializers.
        functions: names of the removed functions.
    """

    modules: tuple[ModulePath, ...] = ()
    nodes: int = 0
    others: int = 0
    initializers: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drop(ChosenModules):
    """Removes parts of the main graph; the remaining nodes and outputs stay as they are.

    Outputs of the model that depend on the modules go, with all nodes that depend on the modules. Nodes,
    initializers, inputs and functions that only these needed go too.

    Attributes:
        only: remove the modules whose path matches this glob, or one of several.
        class_name: remove the modules of this class, or of one of several, as globs.
        kind: remove the modules whose class is of this kind, or of one of several.
        operators: remove the modules that own a node of this operator themselves.
        leave_out: remove no modules whose path matches, and none inside them.
        inferred: whether `class_name` also matches an inferred class, which is a guess.
        depth: maximum depth of the modules; 0 for any.

    Raises:
        UsageError: nothing is selected, a word of the selection matches nothing, or the root is selected.
        CannotCut: no output would be left, or nodes of a module are in a body or function.
    """

    name: ClassVar[str] = "drop"
    requires: ClassVar[frozenset[Part]] = TREE
    preserves: ClassVar[frozenset[Part]] = frozenset()
    inlines: ClassVar[bool] = True

    def run(self, analysis: Analysis) -> DropOutcome:
        """Find the nodes to remove, then remove them and all that only they needed."""
        if self.selection == Selection():
            raise UsageError("missing modules: name one, such as 'pooler', or a glob")
        demand_movable(analysis)
        modules = tuple(module.path for module in self.selection.whole(analysis))
        if ROOT in modules:
            raise UsageError(f"{file_of(analysis)}: the root is the whole model; choose modules inside")
        own = _nodes_of(analysis, modules)
        main = MainGraph(analysis.graph)
        gone = Dependents(main, own).nodes
        if main.results.issubset(main.written(gone)):
            raise CannotCut(
                f"{file_of(analysis)}: every output depends on {listed(modules)}, so none would be left; "
                "'rewriter extract' cuts out a part"
            )
        removed = remove_nodes(main, gone)
        taps = read_taps(analysis.model)
        write_taps(analysis.model, [tap for tap in taps if tap.output not in removed.outputs])
        return DropOutcome(
            {"nodes removed": len(gone)},
            interface=InterfaceEdit(removed=removed.outputs, removed_inputs=removed.inputs),
            modules=modules,
            nodes=len(gone),
            others=len(gone - own),
            initializers=removed.initializers,
            functions=removed.functions,
        )


def _nodes_of(analysis: Analysis, modules: Iterable[ModulePath]) -> set[int]:
    """Return the nodes of modules in the main graph.

    Raises:
        CannotCut: there are none, or a node is in a body of another module's node, or in a function.
    """
    graph = analysis.graph
    calls = calls_of_each(analysis, modules)
    nodes = {node for each in calls.values() for own in each.values() for node in own}
    for node in sorted(nodes):
        if graph.body_of[node] != 0 and nodes.isdisjoint(graph.enclosing(node)):
            body = graph.body_of[node]
            in_function = graph.bodies[body].function is not None
            mend = "inline it with 'rewriter flatten --foreign'" if in_function else _OWNER
            raise CannotCut(
                f"{file_of(analysis)}: {listed(calls)}: nodes are in {title_of_body(graph, body)}; {mend}"
            )
    if not nodes:
        raise CannotCut(f"{file_of(analysis)}: {listed(calls)}: no nodes in these modules or below")
    return {node for node in nodes if graph.body_of[node] == 0}
