"""Maps the calls of a module to their nodes, in the main graph, graph bodies and functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from onnx import NodeProto

from rewriter.errors import CannotCut, UnreadableModel, UsageError
from rewriter.model.index.checks import check
from rewriter.model.index.graph import NONE, GraphIndex, graphs_of
from rewriter.model.index.index_cache import once_per_index
from rewriter.modules.analysis import Analysis
from rewriter.paths import ROOT, ModulePath
from rewriter.regions.callers import Callers
from rewriter.regions.region_tree import name_of


def calls_of(analysis: Analysis, module: ModulePath) -> dict[int, list[int]]:
    """Return call of a module -> the nodes of the module and of all modules below it, ascending.

    A node that `unshare` moved belongs to the module and call that it was moved to. The root has all nodes
    of the main graph.
    """
    return calls_of_each(analysis, [module])[module]


def calls_of_each(
    analysis: Analysis, modules: Iterable[ModulePath]
) -> dict[ModulePath, dict[int, list[int]]]:
    """Return each module -> its calls, as `calls_of` does, with one look at every node."""
    graph, tree = analysis.graph, analysis.tree
    found: dict[ModulePath, dict[int, list[int]]] = {module: {} for module in modules}
    if nodes := [node for node, body in enumerate(graph.body_of) if body == 0]:
        found.update({ROOT: {0: nodes}} if ROOT in found else {})
    callers = Callers(graph, tree)
    known: dict[tuple[ModulePath, int], list[tuple[ModulePath, int]]] = {}
    for node, placement in enumerate(tree.placements):
        if placement is None:
            continue
        place = placement.home or (placement.module, placement.call)
        if place not in known:
            path, call = place
            above = [each for each in (path, *path.ancestors()) if each in found and each != ROOT]
            known[place] = [(each, callers.of(path, call, each)) for each in above if path in tree]
        for module, call in known[place]:
            found[module].setdefault(call, []).append(node)
    return {module: dict(sorted(calls.items())) for module, calls in found.items()}


Call = int | str
"""Number of a call of a module, from 0, or its label: see `labels_of`."""


def nodes_of(analysis: Analysis, modules: Iterable[ModulePath], call: Call | None) -> set[int]:
    """Return the nodes of one call of each module.

    Args:
        analysis: the model.
        modules: paths of modules.
        call: the call, the same for all modules; None for modules that are called once.

    Raises:
        UsageError: `call` is None and a module is called several times, or a module has no such call.
        CannotCut: no module has a node.
    """
    found: set[int] = set()
    asked = tuple(modules)
    for module in asked:
        calls = calls_of(analysis, module)
        if calls:
            found.update(calls[chosen_call(analysis, module, calls, call)])
    if not found:
        names = ", ".join(module or "(root)" for module in asked)
        raise CannotCut(
            f"{file_of(analysis)}: {names}: no nodes in these modules or below; 'rewriter tree' shows "
            "modules with nodes"
        )
    return found


def chosen_call(
    analysis: Analysis, module: ModulePath, calls: Mapping[int, Sequence[int]], call: Call | None
) -> int:
    """Return the chosen call, or the only one if `call` is None.

    Args:
        analysis: the model.
        module: the module.
        calls: call of the module -> its nodes.
        call: the call, or None.

    Raises:
        UsageError: `call` is None and there are several calls, or there is no such call.
    """
    there = list(calls)
    if call is None and len(there) == 1:
        return there[0]
    names = {str(number): number for number in there}
    names |= {label: number for number, label in labels_of(analysis.graph, calls).items() if label}
    if str(call) in names:
        return names[str(call)]
    listed = ", ".join(_titles(analysis.graph, calls))
    if call is not None:
        raise UsageError(f"{file_of(analysis)}: {module} has no call {call}; its calls are {listed}")
    raise UsageError(
        f"{file_of(analysis)}: {module} is called {len(there)} times; choose one: its calls are {listed}"
    )


def labels_of(graph: GraphIndex, calls: Mapping[int, Sequence[int]]) -> dict[int, str]:
    """Return call of a module -> its label: `then`, `else` or `body` by the graph body that it is in.

    A call has no label ('') if it is in the main graph or a function, or if another call would have the same
    label.

    Args:
        graph: the model.
        calls: call of the module -> its nodes.
    """
    attributes = {call: _attributes(graph).get(body, "") for call, body in _bodies(graph, calls).items()}
    words = {call: name.removesuffix("_branch") for call, name in attributes.items()}
    times = Counter(words.values())
    return {call: word if times[word] == 1 else "" for call, word in words.items()}


def _bodies(graph: GraphIndex, calls: Mapping[int, Sequence[int]]) -> dict[int, int]:
    return {call: min(graph.body_of[node] for node in nodes) for call, nodes in calls.items()}


def _titles(graph: GraphIndex, calls: Mapping[int, Sequence[int]]) -> list[str]:
    """Return the calls for messages, with their labels and bodies if the calls are in several bodies."""
    bodies, labels = _bodies(graph, calls), labels_of(graph, calls)
    if len(set(bodies.values())) == 1:
        return [str(call) for call in bodies]
    names = {call: f"{call} or {label}" if label else str(call) for call, label in labels.items()}
    return [f"{names[call]} ({title_of_body(graph, body)})" for call, body in bodies.items()]


@once_per_index
def _attributes(graph: GraphIndex) -> dict[int, str]:
    """Map each graph body to the attribute that holds it."""
    siblings: dict[int, list[int]] = {}
    for number, body in enumerate(graph.bodies):
        if body.owner != NONE:
            siblings.setdefault(body.owner, []).append(number)
    return {
        number: name
        for owner, numbers in siblings.items()
        for number, name in zip(numbers, _names_of_bodies(graph.nodes[owner]), strict=True)
    }


def _names_of_bodies(node: NodeProto) -> list[str]:
    return [attribute.name for attribute in node.attribute for _ in graphs_of(attribute)]


def title_of_body(graph: GraphIndex, body: int) -> str:
    """Return the name of a body for messages: `then_branch of '/If'`, `function 'f'` or `the main graph`."""
    owner = graph.bodies[body].owner
    if (function := graph.bodies[body].function) is not None:
        return f"function {function.name!r}"
    if owner == NONE:
        return "the main graph"
    return f"{_attributes(graph)[body]} of {name_of(graph, owner)!r}"


def demand_movable(analysis: Analysis) -> None:
    """Refuse a model whose nodes cannot be copied unchanged.

    Raises:
        CannotCut: a name is not UTF-8, or the graph is invalid; see `model.index.checks`.
    """
    try:
        analysis.demand_text()
        check(analysis.model)
    except UnreadableModel as error:
        raise CannotCut(f"{file_of(analysis)}: {error}") from None


def file_of(analysis: Analysis) -> str:
    """Return the name of the file for messages."""
    return str(analysis.path) if analysis.path else "model"
