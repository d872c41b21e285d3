"""Finds Transposes that undo an earlier one: a module that changes the layout of a value changes it back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from rewriter.evidence.names.torch_operators import Steps
from rewriter.evidence.steps.step_places import StepPlaces
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ModulePath


def undone(known: StepPlaces) -> dict[int, ModulePath]:
    """Return step -> the module of the step before it, for steps that restore the layout of its result.

    These are Transposes that undo one of that module, and each Reshape directly behind such a Transpose. The
    module has to be inside of the place that the step has so far.
    """
    graph, steps, places = known.graph, known.steps, known.of_step
    layouts: dict[ModulePath, Counter[tuple[int, ...]]] = {}
    for step, place in places.items():
        if place is not None and (axes := _permutation(graph, step)):
            layouts.setdefault(place, Counter())[axes] += 1
    found: dict[int, ModulePath] = {}
    for step in steps.heads:
        maker = _only_maker(steps, step)
        module, place = found.get(maker, places.get(maker)), places[step]
        if not module or place is None or place == module or not place.holds(module) or step in known.known:
            continue
        if maker in found:
            undoes = graph.operators[step][1] == "Reshape"
        else:
            undoes = _undoes(_permutation(graph, step), layouts.get(module, {}), _mixes(graph, maker))
        if undoes:
            found[step] = module
    return found


def _only_maker(steps: Steps, step: int) -> int:
    """Return the one step whose results a step reads; NONE for none or several."""
    return steps.before[step][0] if len(steps.before[step]) == 1 else NONE


def _permutation(graph: GraphIndex, node: int) -> tuple[int, ...]:
    """Return the axes of a Transpose; () for any other node, and for one that states no permutation."""
    if graph.operators[node][1] != "Transpose":
        return ()
    axes = next((tuple(each.ints) for each in graph.nodes[node].attribute if each.name == "perm"), ())
    return axes if sorted(axes) == list(range(len(axes))) else ()


def _mixes(graph: GraphIndex, node: int) -> bool:
    """Whether a node reads several computed values, such as the product of probabilities and values."""
    return sum(value not in graph.constants for value in graph.reads[node] if value != NONE) > 1


def _undoes(axes: tuple[int, ...], layouts: Mapping[tuple[int, ...], int], mixes: bool) -> bool:
    """Whether a Transpose undoes one of a module that is not undone yet.

    A permutation that is its own inverse may as well begin a new layout. It undoes one only directly behind a
    node that mixes values: an attention swaps two axes of each operand, and swaps them back in the result.

    Args:
        axes: the permutation; () for a node that is no Transpose.
        layouts: permutation -> number of Transposes in the module.
        mixes: whether the node before the Transpose reads several computed values.
    """
    inverse = tuple(axes.index(axis) for axis in range(len(axes)))
    count = layouts.get(inverse, 0)
    return bool(axes) and (mixes and count > 0 if inverse == axes else count > layouts.get(axes, 0))
