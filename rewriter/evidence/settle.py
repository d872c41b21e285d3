"""Many claims, one placement per node.

Witnesses are heard in a fixed order, the most trusted first; the first claim on a node wins and the others
are kept. The order, and why:

0. the original, where the user gives it: its tree was read with all of the file intact;
1. our own tags: an earlier run settled this, with more of the file intact;
2. the exporter's metadata: exact, made while the module ran;
3. scopes in names: exact text, decoded with the help of parameters;
4. tags of other tools: good paths, but often guessed upwards;
   then, where the user gives the module, the values it computes: right in more than 99 of 100 nodes;
5. owners of parameters: right for the node that reads them, silent about the rest;
6. what users give: a checkpoint tells owners by content; a reference is heard of a node only where the scope
   in its name was read as a module that the reference does not have, and there it is trusted more;
7. dataflow: for what is left, from the placements of the others; in a file without any scope `between`,
   which looks at more and is heard first where it says that a parameter misleads.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rewriter.evidence import (
    activations,
    between,
    checkpoint_match,
    dataflow,
    derived,
    exporter,
    like,
    parameters,
    reference_fit,
    repetition,
    scope_names,
    tags,
    weights,
)
from rewriter.evidence.claim import Claim, ParameterClaim, Source, Testimony
from rewriter.evidence.given import NOTHING, Given
from rewriter.evidence.grammar import DEEPEST
from rewriter.evidence.reference_fit import Fit
from rewriter.model.graph import GraphIndex
from rewriter.paths import ModulePath

_WITNESSES = (
    tags.testify_own,
    exporter.testify,
    scope_names.testify,
    tags.testify_values,
    tags.testify_others,
    parameters.testify,
)

_NAMELESS = frozenset({Source.PARAMETER, Source.CHECKPOINT, Source.DATAFLOW})
"""Evidence that is left in a file without scopes, now or when an earlier run read it."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What is known of a model once all witnesses were heard.

    Attributes:
        claims: node -> its claims, the winner first; () for a node nobody placed.
        calls: node -> the call of its module, from 0.
        module_calls: module -> how often it was called, where repetition or an earlier run tells.
        called: the modules on call chains; empty where nothing is known of calls.
        classes: module -> its fully qualified class.
        parameters: what the initializers hold, best witness first.
        homes: node -> the call an earlier run gave it to, for those that it moved.
        fit: where the reference that was given stands; None where none was, or nothing shows where.
        notes: what witnesses have to say of the file as a whole, a line each.
    """

    claims: tuple[tuple[Claim, ...], ...]
    calls: tuple[int, ...]
    module_calls: dict[ModulePath, int]
    called: frozenset[ModulePath]
    classes: dict[ModulePath, str]
    parameters: tuple[ParameterClaim, ...]
    homes: dict[int, tuple[ModulePath, int]]
    fit: Fit | None
    notes: tuple[str, ...]

    def conflicting(self, node: int) -> tuple[ModulePath, ...]:
        """Modules that the losing claims on `node` name against the winner."""
        claims = self.claims[node]
        return tuple(dict.fromkeys(c.module for c in claims[1:] if _contradicts(claims[0], c)))


def settle(graph: GraphIndex, given: Given = NOTHING, path: Path | None = None) -> Settled:
    """Hear every witness and decide.

    Args:
        graph: the model.
        given: what the user knows besides.
        path: the file of the model, beside which its external data lies.

    Raises:
        UsageError: what was given does not fit this model.
    """
    testimonies = [testify(graph) for testify in _WITNESSES]
    if given.trace is not None:
        testimonies.insert(-1, activations.testify(graph, given.trace, path))
    if given.like is not None:
        testimonies.insert(0, like.testify(graph, given.like))
    claims: list[list[Claim]] = [[] for _ in graph.nodes]
    for testimony in testimonies:
        _enter(testimony, claims)
    if given.checkpoint is not None:
        testimonies.append(checkpoint_match.testify(graph, _winners(claims), given.checkpoint, path))
        _enter(testimonies[-1], claims)
    derived.mend(graph, claims)
    fit = _find_fit(graph, given, testimonies, claims, path) if given.references else None
    if fit is not None:
        testimonies.append(reference_fit.testify(fit, claims))
        _enter(testimonies[-1], claims, first=True)
    elif given.references:
        testimonies.append(Testimony(notes=(reference_fit.UNKNOWN_PLACE,)))
    called = frozenset(module for testimony in testimonies for module in testimony.called)
    named = any(of_node[0].source not in _NAMELESS for of_node in claims if of_node)
    if not named:
        for claim in between.testify(graph, _winners(claims)):
            claims[claim.node].insert(0, claim)
    else:
        for claim in dataflow.testify(graph, _winners(claims), called):
            claims[claim.node].append(claim)
    calls, repeated = _tell_calls(graph, claims)
    module_calls = {module: count for module, count in repeated.items() if not called or module in called}
    return Settled(
        tuple(map(tuple, claims)),
        calls,
        {**module_calls, **{module: count for t in testimonies for module, count in t.calls.items()}},
        called,
        _merge_classes(testimonies),
        _parameters(graph, testimonies, claims),
        {node: home for testimony in testimonies for node, home in testimony.homes.items()},
        fit,
        tuple(note for testimony in testimonies for note in testimony.notes),
    )


def _enter(testimony: Testimony, claims: list[list[Claim]], *, first: bool = False) -> None:
    """Enter the claims of a witness, behind those of the others or before them."""
    for claim in testimony.claims:
        if claim.module.depth <= DEEPEST:
            of_node = claims[claim.node]
            of_node.insert(0 if first else len(of_node), claim)


def _find_fit(
    graph: GraphIndex,
    given: Given,
    testimonies: list[Testimony],
    claims: list[list[Claim]],
    path: Path | None,
) -> Fit | None:
    dims = {tensor.name: tuple(tensor.dims) for tensor in graph.initializers.values()}
    shapes = {
        claim.name: dims[claim.initializer]
        for testimony in testimonies
        for claim in testimony.parameters
        if claim.part is None
    }
    modules = {module for module in _winners(claims) if module is not None}
    modules |= _merge_classes(testimonies).keys()
    return reference_fit.find_fit(given.references, modules, shapes, str(path or "model"))


def _parameters(
    graph: GraphIndex, testimonies: list[Testimony], claims: list[list[Claim]]
) -> tuple[ParameterClaim, ...]:
    """The best witness first; what is told by content needs no guess by position."""
    told = [claim for testimony in testimonies for claim in testimony.parameters]
    by_content = {claim.initializer for claim in told if claim.source == Source.CHECKPOINT}
    by_position = weights.testify(graph, _winners(claims))
    return (*told, *(claim for claim in by_position if claim.initializer not in by_content))


def _tell_calls(
    graph: GraphIndex, claims: list[list[Claim]]
) -> tuple[tuple[int, ...], dict[ModulePath, int]]:
    """Calls as the winners number them, then by repetition; a node of neither goes with its readers."""
    told = {of_node[0].module for of_node in claims if of_node and of_node[0].call is not None}
    untold = [m if m is not None and m not in told else None for m in _winners(claims)]
    by_repetition, module_calls = repetition.count_calls(graph, untold)
    calls: list[int | None] = [
        (of_node[0].call if of_node and of_node[0].call is not None else by_repetition.get(node))
        for node, of_node in enumerate(claims)
    ]
    for node, of_node in enumerate(claims):
        if of_node and calls[node] is None:
            calls[node] = min(
                (
                    calls[reader] or 0
                    for reader in graph.successors(node)
                    if claims[reader] and claims[reader][0].module == of_node[0].module
                ),
                default=0,
            )
    return tuple(call or 0 for call in calls), module_calls


def _winners(claims: list[list[Claim]]) -> list[ModulePath | None]:
    return [of_node[0].module if of_node else None for of_node in claims]


def _merge_classes(testimonies: list[Testimony]) -> dict[ModulePath, str]:
    classes: dict[ModulePath, str] = {}
    for testimony in testimonies:
        for module, class_name in testimony.classes.items():
            if module.depth <= DEEPEST:
                classes.setdefault(module, class_name)
    return classes


def _contradicts(winner: Claim, other: Claim) -> bool:
    """Whether two claims cannot both be right.

    A module may well use a weight of a module above or below it (`mha` multiplies by `mha.out_proj.weight`),
    so the owner of a parameter contradicts only from another branch of the tree.
    """
    if other.source is Source.PARAMETER:
        return not (winner.module.holds(other.module) or other.module.holds(winner.module))
    return other.module != winner.module
