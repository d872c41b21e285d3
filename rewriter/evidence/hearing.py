"""Hears witnesses one after the other, and keeps the testimony and the time of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rewriter.evidence.claims import Claim, Testimony
from rewriter.evidence.names.grammar import DEEPEST
from rewriter.evidence.path_lengths import Extent
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath


@dataclass(frozen=True, slots=True)
class Heard:
    """The testimony of one witness.

    Attributes:
        witness: its name for users.
        testimony: its claims.
        seconds: wall time it took.
    """

    witness: str
    testimony: Testimony
    seconds: float


class Hearing:
    """The evidence heard so far.

    Attributes:
        heard: the witnesses in order.
        claims: node -> its claims, the winner first.
        barred: nodes that get no inferred claims any more.
        extent: total length of the paths of all named modules.
    """

    def __init__(self, graph: GraphIndex) -> None:
        self.heard: list[Heard] = []
        self.claims: list[list[Claim]] = [[] for _ in graph.nodes]
        self.not_inferred: frozenset[int] = frozenset()
        self.extent = Extent()

    def hear(self, witness: str, testify: Callable[[], Testimony], *, first: bool = False) -> None:
        """Hear a witness and add its claims after those of the others, or before them.

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

        for module in testimony.classes:
            if _is_admitted(module):
                self.extent.add(module)
        for parameter in testimony.parameters:
            self.extent.add(parameter.name.rpartition(".")[0])

    def stop_inference(self) -> None:
        """Infer nothing about nodes that an earlier run could not place, unless a witness names their module.

        The findings of that run are known now, and would count as evidence that it did not have.
        """
        unplaced = (node for testimony in self.testimonies for node in testimony.unplaced)
        self.not_inferred = frozenset(node for node in unplaced if not self.claims[node])

    @property
    def testimonies(self) -> list[Testimony]:
        """The testimonies, in order of hearing."""
        return [heard.testimony for heard in self.heard]

    def winners(self) -> list[ModulePath | None]:
        """Node -> the module of its winning claim."""
        return winners(self.claims)

    def classes(self) -> dict[ModulePath, str]:
        """Module -> its class by the first witness that names one."""
        classes: dict[ModulePath, str] = {}
        for testimony in self.testimonies:
            for module, class_name in testimony.classes.items():
                if _is_admitted(module):
                    classes.setdefault(module, class_name)
        return classes


def _is_admitted(module: ModulePath) -> bool:
    """Whether a path is accepted as a module."""
    return module.depth <= DEEPEST and module.is_named


def winners(claims: Sequence[Sequence[Claim]]) -> list[ModulePath | None]:
    """Node -> the module of its first claim; None without claims."""
    return [of_node[0].module if of_node else None for of_node in claims]
