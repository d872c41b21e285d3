"""Builds the module tree from the settled claims: modules, their parameters, their nodes, their calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from rewriter.basics import garbage
from rewriter.basics.display import counted
from rewriter.evidence.claims import Holds, ParameterClaim, Source
from rewriter.evidence.parameters.parameter_names import readers_of
from rewriter.evidence.parameters.tensor_roles import Operands, operands_of, with_inputs
from rewriter.evidence.settle import Settled, settle
from rewriter.evidence.side_inputs import NOTHING, Given
from rewriter.evidence.weight_inputs import weight_inputs
from rewriter.model.index.checks import notes_on
from rewriter.model.index.graph import GraphIndex
from rewriter.model.tensors import dtype_name
from rewriter.modules.analysis import Analysis
from rewriter.modules.child_order import in_call_order, starts_of
from rewriter.modules.leaf_form import inferred_class
from rewriter.modules.module import Module, Parameter, Tensor
from rewriter.modules.module_tree import ModuleTree, Placement
from rewriter.modules.tensor_owners import held_tensors, named_tensors
from rewriter.paths import ROOT, ModulePath


@garbage.paused()
def analyse(graph: GraphIndex, path: Path | None = None, given: Given = NOTHING) -> Analysis:
    """Hear the witnesses and build the module tree.

    Args:
        graph: the model.
        path: the file of the model; None for a model in memory.
        given: evidence from the user.

    Raises:
        UsageError: given evidence does not fit this model.
        DoesNotFit: the model was not made from the given original.
        UnreadableModel: the paths of the modules are too long in total, or given evidence cannot be read.
    """
    settled = settle(graph, given, path)
    tree = build(graph, settled)
    notes = (*notes_on(graph), *given.remarks, *_on_original(tree, settled), *settled.notes)
    return Analysis(
        graph.model,
        path,
        graph,
        settled.claims,
        settled.parameters,
        tree,
        notes,
        settled.heard,
        original=settled.original,
    )


def _on_original(tree: ModuleTree, settled: Settled) -> tuple[str, ...]:
    """Return a note on the number of nodes placed by the given original; () without an original."""
    if (fit := settled.original) is None:
        return ()
    given = tree.by_source.get(Source.LIKE, 0)
    return (f"{given:,} of {counted(len(tree.placements), 'node')} by like: {fit}",)


@dataclass(slots=True)
class _Draft:
    """Module during construction."""

    parameters: dict[str, Parameter] = field(default_factory=dict)
    tensors: list[Tensor] = field(default_factory=list)
    children: list[ModulePath] = field(default_factory=list)
    nodes: list[int] = field(default_factory=list)
    calls: set[int] = field(default_factory=set)
    folded_into: dict[ModulePath, int] = field(default_factory=dict)
    """Module -> its first node into which this batch norm was folded."""


def build(graph: GraphIndex, settled: Settled) -> ModuleTree:
    """Build the tree of all modules with a node, a tensor or a known class, and of their ancestors."""
    drafts: dict[ModulePath, _Draft] = {ROOT: _Draft()}
    placements = _place(settled, drafts)
    operands = _operands(graph, placements)
    for owner, parameter in _parameters(graph, operands, settled.parameters, placements):
        _draft(drafts, owner).parameters.setdefault(parameter.name, parameter)
    for owner, tensor in held_tensors(graph, operands, settled.parameters, placements):
        _draft(drafts, owner).tensors.append(tensor)
    for module in settled.classes:
        _draft(drafts, module)
    for node, norm, module in _folded(settled, placements):
        _draft(drafts, norm).folded_into.setdefault(module, node)
    _sort_children(graph, drafts, settled.order)
    return ModuleTree(_finish(graph, drafts, settled), tuple(placements), graph)


def _place(settled: Settled, drafts: dict[ModulePath, _Draft]) -> list[Placement | None]:
    """Return the placement of each node, and add the nodes and calls to the drafts of their modules."""
    placements: list[Placement | None] = []
    shared: dict[Placement, Placement] = {}  # equal placements share one object
    known: dict[tuple[object, ...], Placement] = {}
    last: tuple[object, ...] = ()
    placement, draft, homes = None, drafts[ROOT], settled.homes
    for node, (claims, call) in enumerate(zip(settled.claims, settled.calls, strict=True)):
        if not claims:
            placements.append(None)
            continue
        winner = claims[0]
        conflicting = settled.conflicting(node) if len(claims) > 1 else ()
        home = homes.get(node) if homes else None
        place = (winner.module, call, winner.source, winner.rule, conflicting, home)
        if place != last:  # most nodes have the place of the node before
            if (placement := known.get(place)) is None:
                made = Placement(winner.module, call, winner.source, winner.certainty, conflicting, home)
                placement = known[place] = shared.setdefault(made, made)
            last, draft = place, _draft(drafts, winner.module)
            draft.calls.add(call)
        placements.append(placement)
        draft.nodes.append(node)
    return placements


def _folded(
    settled: Settled, placements: Sequence[Placement | None]
) -> Iterator[tuple[int, ModulePath, ModulePath]]:
    """Yield nodes into which a batch norm was folded, with the norm and the module of the node.

    A node that was placed in the norm is left out.
    """
    for node, norm in sorted(settled.norms.items()):
        place = placements[node]
        if place is not None and not norm.holds(place.module):
            yield node, norm, place.module


def _draft(drafts: dict[ModulePath, _Draft], path: ModulePath) -> _Draft:
    new: list[ModulePath] = []
    above: ModulePath | None = path
    while above is not None and above not in drafts:  # the root exists from the start
        new.append(above)
        above = above.parent
    for module in reversed(new):
        drafts[module] = _Draft()
        drafts[module.parent or ROOT].children.append(module)
    return drafts[path]


def _sort_children(graph: GraphIndex, drafts: dict[ModulePath, _Draft], order: Sequence[ModulePath]) -> None:
    """Sort children in the order of an earlier run; those without a place in it follow, in order of calls.

    A batch norm without nodes stands where it was folded in.
    """
    nodes = {path: draft.nodes or [*draft.folded_into.values()] for path, draft in drafts.items()}
    starts = starts_of(graph, nodes, reversed(_depth_first(drafts)))
    rank = {path: number for number, path in enumerate(order)}
    for draft in drafts.values():
        draft.children = in_call_order(draft.children, starts)
        if rank:
            draft.children.sort(key=lambda child: rank.get(child, len(rank)))


def _operands(graph: GraphIndex, placements: Sequence[Placement | None]) -> Operands:
    """Return the tensors of a file: those that it stores, and inputs that are weights."""
    inputs = weight_inputs(graph, [place.module if place else None for place in placements])
    return with_inputs(graph, operands_of(graph), inputs) if inputs else operands_of(graph)


def _parameters(
    graph: GraphIndex,
    operands: Operands,
    claims: Iterable[ParameterClaim],
    placements: list[Placement | None],
) -> Iterable[tuple[ModulePath, Parameter]]:
    named = named_tensors(graph, operands)
    readers = _ReadersOf(graph, placements)
    for claim in claims:
        value = named[claim.initializer]
        tensor = operands.stored[value]
        above, _, name = claim.name.rpartition(".")
        owner = ModulePath(above)
        yield (
            owner,
            Parameter(
                name,
                claim.initializer,
                claim.part.shape(tensor.dims) if claim.part else tensor.dims,
                dtype_name(tensor.data_type),
                claim.transposed,
                readers.of(value).apart_from(owner),
                claim.part,
                claim.holds or Holds.UNKNOWN,
                claim.formula,
                operands.packed.get(value),
                claim.detail,
            ),
        )


class _Readers:
    """Modules that read a tensor, in file order; one object for all tensors that the same nodes read."""

    def __init__(self, modules: tuple[ModulePath, ...]) -> None:
        self._modules = modules
        self._apart: dict[ModulePath, tuple[ModulePath, ...]] = {}

    @cached_property
    def _inside(self) -> dict[ModulePath, set[ModulePath]]:
        inside: dict[ModulePath, set[ModulePath]] = {}
        for module in self._modules:
            for around in (module, *module.ancestors()):
                inside.setdefault(around, set()).add(module)
        return inside

    def apart_from(self, owner: ModulePath) -> tuple[ModulePath, ...]:
        """Return the modules that are neither inside `owner` nor around it."""
        if (found := self._apart.get(owner)) is None:
            related = self._inside.get(owner, set()).union(owner.ancestors())
            found = tuple([module for module in self._modules if module not in related])
            self._apart[owner] = found
        return found


class _ReadersOf:
    """Modules that read each tensor."""

    def __init__(self, graph: GraphIndex, placements: Sequence[Placement | None]) -> None:
        self._graph = graph
        self._placements = placements
        self._of_nodes: dict[tuple[int, ...], _Readers] = {}
        self._of_value: dict[int, _Readers] = {}

    def of(self, value: int) -> _Readers:
        """Return the modules that read a tensor, directly or by an alias."""
        if (found := self._of_value.get(value)) is None:
            nodes = tuple(readers_of(self._graph, value))
            if (found := self._of_nodes.get(nodes)) is None:
                places = [self._placements[node] for node in nodes]
                modules = tuple(dict.fromkeys([place.module for place in places if place is not None]))
                found = self._of_nodes[nodes] = _Readers(modules)
            self._of_value[value] = found
        return found


def _finish(
    graph: GraphIndex, drafts: dict[ModulePath, _Draft], settled: Settled
) -> dict[ModulePath, Module]:
    order = _depth_first(drafts)
    calls = _calls(order, drafts, settled)
    scopes = settled.fit.full_scopes() if settled.fit else {}
    declared = {path: module.declared for path, module in settled.fit.modules()} if settled.fit else {}
    finished: dict[ModulePath, Module] = {}
    for path in reversed(order):
        draft = drafts[path]
        finished[path] = Module(
            path,
            settled.classes.get(path),
            tuple(draft.parameters.values()),
            tuple(draft.children),
            tuple(draft.nodes),
            len(draft.nodes) + sum(finished[child].total_nodes for child in draft.children),
            0 if _is_list(path, draft, settled) else calls[path],
            scopes.get(path),
            declared.get(path, ()),
            None if path in settled.classes else _inferred_class(graph, draft),
            tuple(draft.tensors),
            tuple(draft.folded_into),
        )
    return {path: finished[path] for path in order}


def _inferred_class(graph: GraphIndex, draft: _Draft) -> str | None:
    """Return the class that the form of a leaf suggests; None for modules with children or without nodes."""
    if draft.children or not draft.nodes:
        return None
    return inferred_class(graph, draft.nodes, draft.parameters, draft.tensors)


def _is_list(path: ModulePath, draft: _Draft, settled: Settled) -> bool:
    """Whether evidence shows that a module is never called itself; its children may be."""
    told = settled.module_calls.get(path)
    if told is not None or not settled.called:
        return told == 0
    return path not in settled.called and not draft.nodes and path != ROOT


def _calls(
    order: list[ModulePath], drafts: dict[ModulePath, _Draft], settled: Settled
) -> dict[ModulePath, int]:
    """Count the calls of every module: by the number known for it, else by its own nodes and its children.

    Own nodes whose claims name a call decide, since a child may be called several times within one call.
    Without such nodes, the larger of two numbers counts: the calls of own nodes, which are all call 0 without
    evidence on calls, and the minimum over the children that are called. The root is called once.
    """
    calls: dict[ModulePath, int] = {}
    for path in reversed(order):
        draft = drafts[path]
        least = min((calls[child] for child in draft.children if calls[child]), default=0)
        told = (node for node in draft.nodes if settled.claims[node][0].call is not None)
        own = {settled.calls[node] for node in told}
        calls[path] = settled.module_calls.get(path) or len(own) or max(len(draft.calls), least)
    calls[ROOT] = 1
    return calls


def _depth_first(drafts: dict[ModulePath, _Draft]) -> list[ModulePath]:
    order = []
    stack = [ROOT]
    while stack:
        path = stack.pop()
        order.append(path)
        stack.extend(reversed(drafts[path].children))
    return order
