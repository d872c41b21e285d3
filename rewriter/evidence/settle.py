"""Many claims, one placement per node.

Witnesses are heard in a fixed order, the most trusted first; the first claim on a node wins and the others
are kept. The order, and why:

0. the original, if the user gives it: its tree was read with all of the file intact;
1. our own tags: an earlier run settled this, with more of the file intact;
2. the exporter's metadata: exact, made while the module ran;
3. scopes in names: exact text, decoded with the help of parameters;
4. tags of other tools: good paths, but often guessed upwards;
   then, where the user gives the module, the values it computes: right in more than 99 of 100 nodes;
5. owners of parameters: right for the node that reads them, silent about the rest;
   where none of these says anything, calls of the functions that the producer made;
6. what users give: a checkpoint tells owners by content; a reference is heard of a node only where the scope
   in its name was read as a module that the reference does not have, and there it is trusted more;
7. dataflow: for what is left, from the placements of the others; in a file without any scope `anchors`,
   which looks at more and is heard first where it says that a parameter misleads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rewriter.evidence import conflicts
from rewriter.evidence.checkpoint import witness as checkpoint_match
from rewriter.evidence.claims import Claim, ParameterClaim, Source, Testimony
from rewriter.evidence.graph import anchors as between
from rewriter.evidence.graph import dataflow, function_calls, repetition
from rewriter.evidence.graph.call_bodies import CallBodies
from rewriter.evidence.graph.departures import Departures
from rewriter.evidence.hearing import Heard, Hearing, winners
from rewriter.evidence.metadata import exporter, tags
from rewriter.evidence.names import derived_names as derived
from rewriter.evidence.names import scopes as scope_names
from rewriter.evidence.original import fit as like_fit
from rewriter.evidence.original import witness as like
from rewriter.evidence.original.fit import LikeFit
from rewriter.evidence.parameters import parameter_names as parameters
from rewriter.evidence.parameters import reshaped_weights
from rewriter.evidence.parameters import unnamed_weights as weights
from rewriter.evidence.reference import witness as reference_fit
from rewriter.evidence.reference.witness import Fit
from rewriter.evidence.side_inputs import NOTHING, Given
from rewriter.evidence.trace import witness as activations
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath
from rewriter.refusals import UsageError

_WITNESSES: tuple[tuple[str, Callable[[GraphIndex], Testimony]], ...] = (
    ("own tags", tags.testify_own),
    ("exporter metadata", exporter.testify),
    ("scope names", scope_names.testify),
    ("noted values", tags.testify_values),
    ("other tools", tags.testify_others),
)

_NAMELESS = frozenset({Source.PARAMETER, Source.CHECKPOINT, Source.DATAFLOW})
"""Evidence left in a file without scopes, now or when an earlier run read it."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The evidence on a model after all witnesses were heard.

    Attributes:
        claims: node -> its claims, the winner first; () for an unplaced node.
        calls: node -> the call of its module, from 0.
        module_calls: module -> number of its calls, if repetition or an earlier run shows it.
        called: the modules on call chains; empty if calls are not known.
        classes: module -> its fully qualified class.
        parameters: the parameters in initializers, best witness first.
        homes: node -> the call that an earlier run moved it to.
        order: the modules as an earlier run listed them.
        fit: alignment of the given reference; None without a reference or without evidence.
        notes: notes of witnesses on the file as a whole, a line each.
        heard: the testimony of each witness, in order of hearing.
        original: how well the original fits; None without one.
        supported: the nodes whose weights other nodes read as well, so that these contradict no winner.
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

    def conflicting(self, node: int) -> tuple[ModulePath, ...]:
        """Modules that the losing claims on `node` name against the winner."""
        against = conflicts.against_winner(self.claims[node], node in self.supported)
        return tuple(dict.fromkeys(claim.module for claim in against))


def settle(graph: GraphIndex, given: Given = NOTHING, path: Path | None = None) -> Settled:
    """Hear every witness and decide.

    Args:
        graph: the model.
        given: evidence from the user.
        path: the file of the model; its external data lies beside it.

    Raises:
        UsageError: given evidence does not fit this model.
        DoesNotFit: the model was not made from the original.
        UnreadableModel: the paths of its modules are too long in total.
    """
    hearing = Hearing(graph)
    fitting = None
    if given.like is not None:
        fitting = like_fit.measure(graph, given.like)
        if not given.forced:
            like_fit.demand_fit(fitting, str(path or "model"))
        hearing.hear("original", partial(like.testify, graph, given.like))
    for witness, testify in _WITNESSES:
        hearing.hear(witness, partial(testify, graph))
    if given.trace is not None:
        hearing.hear("trace", partial(activations.testify, graph, given.trace, path))
    hearing.hear("parameters", partial(parameters.testify, graph))
    if graph.model.functions and not any(hearing.claims):
        hearing.hear("functions", partial(function_calls.testify, graph))
    if given.checkpoint is not None:
        hearing.hear(
            "checkpoint",
            partial(checkpoint_match.testify, graph, hearing.winners(), given.checkpoint, path),
        )
    if not given.asked:
        hearing.stop_inference()
    derived.correct_derived(graph, hearing.claims, hearing.not_inferred)
    fit = _find_fit(graph, given, hearing, path) if given.references else None
    if given.references:
        hearing.hear("reference", partial(_refer, fit, hearing.claims), first=True)
    called = frozenset(module for testimony in hearing.testimonies for module in testimony.called)
    if any(of_node[0].source not in _NAMELESS for of_node in hearing.claims if of_node):
        hearing.hear("dataflow", partial(dataflow.testify, graph, hearing.winners(), called))
    else:
        hearing.hear("dataflow", partial(between.testify, graph, hearing.winners()))
    return _decide(graph, hearing, fit, called, fitting)


def _refer(fit: Fit | None, claims: Sequence[Sequence[Claim]]) -> Testimony:
    if fit is None:
        return Testimony(notes=(reference_fit.UNKNOWN_PLACE,))
    return reference_fit.testify(fit, claims)


def _decide(
    graph: GraphIndex,
    hearing: Hearing,
    fit: Fit | None,
    called: frozenset[ModulePath],
    original: LikeFit | None,
) -> Settled:
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
        _parameters(graph, hearing),
        {node: home for testimony in testimonies for node, home in testimony.homes.items()},
        next((testimony.order for testimony in testimonies if testimony.order), ()),
        fit,
        tuple(note for testimony in testimonies for note in testimony.notes),
        tuple(hearing.heard),
        original,
        frozenset(conflicts.only_supported(graph, hearing.claims)),
    )


def _find_fit(graph: GraphIndex, given: Given, hearing: Hearing, path: Path | None) -> Fit | None:
    dims = {tensor.name: tuple(tensor.dims) for tensor in graph.initializers.values()}
    shapes = {
        claim.name: dims[claim.initializer]
        for testimony in hearing.testimonies
        for claim in testimony.parameters
        if claim.part is None
    }
    modules = {module for module in hearing.winners() if module is not None}
    modules |= hearing.classes().keys()
    try:
        return reference_fit.find_fit(given.references, modules, shapes, str(path or "model"))
    except UsageError:
        if not given.found:
            raise
        return None


def _parameters(graph: GraphIndex, hearing: Hearing) -> tuple[ParameterClaim, ...]:
    """The claims on parameters, best witness first; one found by content needs no guess by position."""
    told = [claim for testimony in hearing.testimonies for claim in testimony.parameters]
    by_content = {claim.initializer for claim in told if claim.source == Source.CHECKPOINT}
    placed = hearing.winners()
    by_position = (*weights.testify(graph, placed), *reshaped_weights.testify(graph, placed))
    return (*told, *(claim for claim in by_position if claim.initializer not in by_content))


def _tell_calls(
    graph: GraphIndex, claims: list[list[Claim]]
) -> tuple[tuple[int, ...], dict[ModulePath, int]]:
    """Calls by the numbers of winning claims, then by repetition; other nodes go with their readers."""
    told = {of_node[0].module for of_node in claims if of_node and of_node[0].call is not None}
    untold = [m if m is not None and m not in told else None for m in winners(claims)]
    by_repetition, module_calls = repetition.count_calls(graph, untold, Departures(graph, claims))
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
