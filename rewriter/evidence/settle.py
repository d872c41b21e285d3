"""Many claims, one placement per node.

Witnesses are heard in a fixed order, the most trusted first; the first claim on a node wins and the others
are kept. The order, and why:

1. our own tags: an earlier run settled this, with more of the file intact;
2. the exporter's metadata: exact, made while the module ran;
3. scopes in names: exact text, decoded with the help of parameters;
4. tags of other tools: good paths, but often guessed upwards;
5. owners of parameters: right for the node that reads them, silent about the rest;
6. dataflow: for what is left, from the placements of the others.
"""

from __future__ import annotations

from dataclasses import dataclass

from rewriter.evidence import dataflow, exporter, parameters, scope_names, tags, weights
from rewriter.evidence.claim import Claim, ParameterClaim, Source, Testimony
from rewriter.evidence.grammar import DEEPEST
from rewriter.model.graph import GraphIndex
from rewriter.paths import ModulePath

_WITNESSES = (
    tags.testify_own,
    exporter.testify,
    scope_names.testify,
    tags.testify_others,
    parameters.testify,
)


@dataclass(frozen=True, slots=True)
class Settled:
    """What is known of a model once all witnesses were heard.

    Attributes:
        claims: node -> its claims, the winner first; () for a node nobody placed.
        classes: module -> its fully qualified class.
        parameters: what the initializers hold, best witness first.
    """

    claims: tuple[tuple[Claim, ...], ...]
    classes: dict[ModulePath, str]
    parameters: tuple[ParameterClaim, ...]

    def conflicting(self, node: int) -> tuple[ModulePath, ...]:
        """Modules that the losing claims on `node` name against the winner."""
        claims = self.claims[node]
        return tuple(dict.fromkeys(c.module for c in claims[1:] if _contradicts(claims[0], c)))


def settle(graph: GraphIndex) -> Settled:
    """Hear every witness and decide."""
    testimonies = [testify(graph) for testify in _WITNESSES]
    claims: list[list[Claim]] = [[] for _ in graph.nodes]
    for testimony in testimonies:
        for claim in testimony.claims:
            if claim.module.depth <= DEEPEST:
                claims[claim.node].append(claim)
    for claim in dataflow.testify(graph, _winners(claims)):
        claims[claim.node].append(claim)
    return Settled(
        tuple(map(tuple, claims)),
        _merge_classes(testimonies),
        (*(p for t in testimonies for p in t.parameters), *weights.testify(graph, _winners(claims))),
    )


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
