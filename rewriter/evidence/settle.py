"""Settles the claims of all witnesses into one placement per node.

Witnesses are heard in a fixed order (see `witnesses`). The first claim on a node wins, unless
`correct_derived` or a reference corrects it; losing claims are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rewriter.errors import UsageError
from rewriter.evidence import conflicts, weight_inputs
from rewriter.evidence.claims import Claim, ParameterClaim, Source
from rewriter.evidence.graph import call_numbers
from rewriter.evidence.graph.call_bodies import CallBodies
from rewriter.evidence.graph.call_ends import CallEnds
from rewriter.evidence.named_parameters import named_parameters
from rewriter.evidence.names.derived_names import correct_derived
from rewriter.evidence.reference import witness as reference
from rewriter.evidence.reference.witness import Fit
from rewriter.evidence.side_inputs import NOTHING, Given
from rewriter.evidence.witness_runner import Heard, Hearing, winners
from rewriter.evidence.witnesses import OF_NODES, OF_SURROUNDINGS, Case
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath

if TYPE_CHECKING:
    from rewriter.evidence.original.fit import LikeFit


@dataclass(frozen=True, slots=True)
class Settled:
    """The evidence on a model after all witnesses were heard.

    Attributes:
        claims: node -> its claims, the winner first; () for an unplaced node.
        calls: node -> the call of its module, from 0.
        module_calls: module -> number of its calls, if known.
        called: the modules known to have been called; empty if calls are not known.
        classes: module -> its class, from the first witness that names one.
        parameters: the parameters in initializers, best witness first.
        homes: node -> the module and call that an earlier run moved it to.
        order: the modules in the order of an earlier run.
        fit: alignment of the best reference with the file; None without a reference or an alignment.
        notes: notes of witnesses on the file as a whole, a line each.
        heard: the testimony of each witness, in order of hearing.
        original: the fit of the given original; None without one.
        supported: nodes with a losing claim from a parameter, if all their named weights have further
            readers; the owners of these weights contradict no winner.
        norms: node -> the batch norm that was folded into it.
    """

    claims: tuple[tuple[Claim, ...], ...]
    calls: tuple[int, ...]
    module_calls: dict[ModulePath, int]
    called: frozenset[ModulePath]
    classes: dict[ModulePath, str]
    parameters: tuple[ParameterClaim, ...]
    homes: dict[int, tuple[ModulePath, int]]
    order: tuple[ModulePath, ...]
    fit: Fit | None
    notes: tuple[str, ...]
    heard: tuple[Heard, ...]
    original: LikeFit | None = None
    supported: frozenset[int] = frozenset()
    norms: dict[int, ModulePath] = field(default_factory=dict)

    def conflicting(self, node: int) -> tuple[ModulePath, ...]:
        """Return the modules of the losing claims on `node` that contradict the winner."""
        against = conflicts.against_winner(self.claims[node], node in self.supported)
        return tuple(dict.fromkeys(claim.module for claim in against))


def settle(graph: GraphIndex, given: Given = NOTHING, path: Path | None = None) -> Settled:
    """Hear the witnesses on a model and settle their claims.

    Args:
        graph: the model.
        given: evidence from the user.
        path: the file of the model; its external data lies beside it.

    Raises:
        UsageError: given evidence does not fit this model.
        DoesNotFit: the model was not made from the original.
        UnreadableModel: the paths of the modules are too long in total, or given evidence cannot be read.
    """
    case = Case(graph, given, path, Hearing(graph))
    fitting = _measure(case)
    for witness in OF_NODES:
        witness.testify(case)
    hearing = case.hearing
    if not given.asked:
        hearing.stop_inference()
    correct_derived(graph, hearing.claims, hearing.not_inferred)
    if given.references:
        case = replace(case, fit=_find_fit(case))
    for witness in OF_SURROUNDINGS:
        witness.testify(case)
    return _decide(case, fitting)


def _measure(case: Case) -> LikeFit | None:
    """Return the fit of the given original; None if none is given.

    Raises:
        DoesNotFit: the model was not made from the original.
    """
    if case.given.like is None:
        return None
    from rewriter.evidence.original import fit as original

    fitting = original.measure(case.graph, case.given.like)
    if not case.given.forced:
        original.demand_fit(fitting, str(case.path or "model"))
    return fitting


def _decide(case: Case, fitting: LikeFit | None) -> Settled:
    graph, hearing, called = case.graph, case.hearing, case.called
    hearing.extent.demand(hearing.winners())
    testimonies = hearing.testimonies
    calls, repeated = _tell_calls(graph, hearing.claims)
    module_calls = {module: count for module, count in repeated.items() if not called or module in called}
    return Settled(
        tuple(map(tuple, hearing.claims)),
        calls,
        {**module_calls, **{module: count for t in testimonies for module, count in t.calls.items()}},
        called,
        hearing.classes(),
        named_parameters(graph, hearing, case.fit),
        {node: home for testimony in testimonies for node, home in testimony.homes.items()},
        next((testimony.order for testimony in testimonies if testimony.order), ()),
        case.fit,
        (*weight_inputs.note(graph, hearing.winners()), *(note for t in testimonies for note in t.notes)),
        tuple(hearing.heard),
        fitting,
        frozenset(conflicts.only_supported(graph, hearing.claims)),
        hearing.norms(),
    )


def _find_fit(case: Case) -> Fit | None:
    given, hearing = case.given, case.hearing
    dims = {tensor.name: tuple(tensor.dims) for tensor in case.graph.initializers.values()}
    shapes = {
        claim.name: dims[claim.initializer]
        for testimony in hearing.testimonies
        for claim in testimony.parameters
        if claim.part is None
    }
    modules = {module for module in hearing.winners() if module is not None}
    modules |= hearing.classes().keys()
    try:
        return reference.find_fit(given.references, modules, shapes, str(case.path or "model"))
    except UsageError:
        if not given.found:
            raise
        return None


def _tell_calls(
    graph: GraphIndex, claims: list[list[Claim]]
) -> tuple[tuple[int, ...], dict[ModulePath, int]]:
    """Number the calls of nodes: by the winning claim, else by repetition, else by the readers of the node.

    Then split the calls that span several graph bodies.

    Returns:
        node -> the call of its module; module -> number of its calls, if repetition or bodies show it.
    """
    told = {of_node[0].module for of_node in claims if of_node and of_node[0].call is not None}
    untold = [m if m is not None and m not in told else None for m in winners(claims)]
    by_repetition, module_calls = call_numbers.count_calls(graph, untold, CallEnds(graph, claims))
    calls: list[int | None] = [
        (of_node[0].call if of_node and of_node[0].call is not None else by_repetition.get(node))
        for node, of_node in enumerate(claims)
    ]
    repeated = {of_node[0].module for of_node, call in zip(claims, calls, strict=True) if of_node and call}
    for node, of_node in enumerate(claims):
        if of_node and calls[node] is None and of_node[0].module in repeated:
            calls[node] = min(
                (
                    calls[reader] or 0
                    for reader in graph.successors(node)
                    if claims[reader] and claims[reader][0].module == of_node[0].module
                ),
                default=0,
            )
    numbered, placed = [call or 0 for call in calls], winners(claims)
    guessed = {n for n, of_node in enumerate(claims) if of_node and of_node[0].source is Source.DATAFLOW}
    split = CallBodies(graph, placed, numbered, guessed).split()
    several = CallBodies(graph, placed, split, guessed).several
    counts = {path: sum(map(len, bodies.values())) for path, bodies in several.items()}
    return tuple(split), module_calls | counts
