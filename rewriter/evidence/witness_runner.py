"""Runs witnesses (functions that read one kind of evidence) in turn; keeps testimony and time of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rewriter.evidence.certainty import Certainty
from rewriter.evidence.claims import Claim, Testimony
from rewriter.evidence.names.scope_grammar import DEEPEST
from rewriter.evidence.path_lengths import Extent
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath


@dataclass(frozen=True, slots=True)
class Heard:
    """The testimony of one witness.

    Attributes:
        witness: name of the witness for users.
        testimony: its evidence.
        seconds: its wall time.
    """

    witness: str
    testimony: Testimony
    seconds: float


class Hearing:
    """The evidence heard so far.

    Attributes:
        heard: the testimonies in order of hearing.
        claims: node -> its claims, the winner first.
        not_inferred: the nodes that get no further claims (see `stop_inference`).
        extent: total length of the paths of modules with claims, classes or parameters.
    """

    def __init__(self, graph: GraphIndex) -> None:
        self.heard: list[Heard] = []
        self.claims: list[list[Claim]] = [[] for _ in graph.nodes]
        self.not_inferred: frozenset[int] = frozenset()
        self.extent = Extent()

    def hear(self, witness: str, testify: Callable[[], Testimony], *, first: bool = False) -> None:
        """Hear a witness and add its claims after those of earlier witnesses, or before them if `first`.

        Drop claims on nodes in `not_inferred`, and claims with a path that cannot be a module's.

        Raises:
            UnreadableModel: the paths of the modules are too long in total.
        """
        start = time.perf_counter()
        testimony = testify()
        self.heard.append(Heard(witness, testimony, time.perf_counter() - start))
        admitted: set[ModulePath] = set()
        for claim in testimony.claims:
            if claim.node in self.not_inferred:
                continue
            if claim.module in admitted or _is_admitted(claim.module):
                if claim.module not in admitted:
                    admitted.add(claim.module)
                    self.extent.add(claim.module)
                of_node = self.claims[claim.node]
                of_node.insert(0 if first else len(of_node), claim)

        for module in (*testimony.classes, *testimony.norms.values()):
            if _is_admitted(module):
                self.extent.add(module)
        for parameter in testimony.parameters:
            self.extent.add(parameter.name.rpartition(".")[0])

    def stop_inference(self) -> None:
        """Accept no further claims on nodes that an earlier run could not place and that have no claim yet.

        Else the tags that the earlier run wrote on other nodes would now be evidence and place these nodes.
        """
        unplaced = (node for testimony in self.testimonies for node in testimony.unplaced)
        self.not_inferred = frozenset(node for node in unplaced if not self.claims[node])

    @property
    def testimonies(self) -> list[Testimony]:
        """The testimonies, in order of hearing."""
        return [heard.testimony for heard in self.heard]

    def winners(self) -> list[ModulePath | None]:
        """Return node -> the module of its winning claim, None without claims."""
        return winners(self.claims)

    def guessed(self) -> frozenset[int]:
        """Return the nodes whose module is a guess so far."""
        claims = enumerate(self.claims)
        return frozenset(node for node, of in claims if of and of[0].certainty is Certainty.GUESSED)

    def classes(self) -> dict[ModulePath, str]:
        """Return module -> its class, from the first witness that names one."""
        classes: dict[ModulePath, str] = {}
        for testimony in self.testimonies:
            for module, class_name in testimony.classes.items():
                if _is_admitted(module):
                    classes.setdefault(module, class_name)
        return classes

    def norms(self) -> dict[int, ModulePath]:
        """Return node -> the batch norm that was folded into it, by the first witness that names one."""
        return {
            node: norm
            for testimony in reversed(self.testimonies)
            for node, norm in testimony.norms.items()
            if _is_admitted(norm)
        }


def _is_admitted(module: ModulePath) -> bool:
    """Whether a path can be that of a module: not too deep, no empty atom."""
    return module.depth <= DEEPEST and module.is_named


def winners(claims: Sequence[Sequence[Claim]]) -> list[ModulePath | None]:
    """Return node -> the module of its first claim, None without claims."""
    return [of_node[0].module if of_node else None for of_node in claims]
