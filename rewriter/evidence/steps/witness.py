"""Witness for files without any scope: parameters place some nodes, dataflow places others.

A dynamo export without metadata still has the names of parameters and values. The latter group its nodes into
*steps*, one for each torch operator (see `names/torch_operators`). A step is known if parameters or
numbers of children (`names/numbered_parts`) show its module, or if it is arithmetic of a norm with a known
scale (`norm_arithmetic`). The rules of `_RULES` place the other steps, one after the other, and each builds
on the steps that the rules before it placed. Mostly a step is in the module that calls the layers around it.

Lists are never called, so a step between numbered children alone belongs to the module above the list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set

from rewriter.evidence.certainty import PlacementRule
from rewriter.evidence.claims import Claim, Source, Testimony
from rewriter.evidence.names import numbered_parts
from rewriter.evidence.parameters.leaf_classes import GLUE
from rewriter.evidence.steps import (
    anchors,
    between,
    constant_steps,
    entered_modules,
    trace_positions,
    undone_layouts,
    wrappers,
)
from rewriter.evidence.steps.callers import above, calling
from rewriter.evidence.steps.step_places import StepPlaces
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath

_RULES: tuple[Callable[[StepPlaces], Mapping[int, ModulePath | None]], ...] = (
    anchors.meeting,
    between.filled,
    entered_modules.entered,
    trace_positions.moved,
    trace_positions.filled,
    undone_layouts.undone,
    wrappers.wrapped,
    constant_steps.added,
    constant_steps.read,
)
"""Rules in their order. Each returns step -> its module, for the steps that it places or moves."""
_MERGED = GLUE | {"Gather", "ScatterND"}


def testify(
    graph: GraphIndex, modules: Sequence[ModulePath | None], guessed: Set[int] = frozenset()
) -> Testimony:
    """Return claims on nodes without a module, from the modules of the other nodes.

    There is no claim on the root if the node may be in a module without a name: any two modules have the root
    in common.

    Args:
        graph: the model.
        modules: node -> its module, if known.
        guessed: the nodes whose module is a guess.
    """
    claims = numbered_parts.fill(graph, modules)
    modules = list(modules)
    for claim in claims:
        modules[claim.node] = claim.module
    places = StepPlaces(graph, modules, guessed)
    for rule in _RULES:
        places.of_step.update(rule(places))
    for node, module in enumerate(modules):
        step = places.steps.of[node]
        place = _place(places, node)
        if place is not None and module is None and (place or not places.may_be_unnamed(step)):
            detail = f"one step with node {step}" if step != node else "from the known steps around it"
            claims.append(Claim(node, place, None, Source.DATAFLOW, None, detail, _rule(places, node)))
    return Testimony(tuple(claims))


def _place(places: StepPlaces, node: int) -> ModulePath | None:
    """Return the module of a node: that of its step.

    Names may put an activation into the step of the leaf behind it: it is in the caller of that leaf.
    """
    step = places.steps.of[node]
    module = places.of_step[step]
    if module in places.leaves and step in places.known - places.norms and places.is_leaf(node):
        return calling(above(module), {module})
    return module


def _rule(places: StepPlaces, node: int) -> PlacementRule:
    """Return the rule that placed a node.

    Names may put an activation into the step behind it, but it may be a module of its own. Tools merge nodes
    that lay out a value, so such a node may be in another module than its step.
    """
    step = places.steps.of[node]
    if step in places.guessed or step not in places.known:
        return PlacementRule.STEPS_AROUND
    if step in places.norms:
        return PlacementRule.NORM
    doubtful = places.is_leaf(node) or places.graph.operators[node][1] in _MERGED
    return PlacementRule.STEPS_AROUND if doubtful else PlacementRule.STEP
