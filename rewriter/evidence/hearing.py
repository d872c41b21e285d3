"""Hears witnesses one after the other, and keeps what each said and how long that took."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rewriter.evidence.claim import Claim, Testimony
from rewriter.evidence.extent import Extent
from rewriter.evidence.grammar import DEEPEST
from rewriter.model.graph import GraphIndex
from rewriter.paths import ModulePath


@dataclass(frozen=True, slots=True)
class Heard:
    """What one witness said.

    Attributes:
        witness: who, in words for people.
        testimony: what.
        seconds: wall seconds it took.
    """

    witness: str
    testimony: Testimony
    seconds: float


class Hearing:
    """What was heard so far.

    Attributes:
        heard: the witnesses in order.
        claims: node -> its claims, the winner first.
        barred: the nodes that nothing is inferred of any more.
        extent: how long the paths of all modules that were named are.
    """

    def __init__(self, graph: GraphIndex) -> None:
        self.heard: list[Heard] = []
        self.claims: list[list[Claim]] = [[] for _ in graph.nodes]
        self.barred: frozenset[int] = frozenset()
        self.extent = Extent()

    def hear(self, witness: str, testify: Callable[[], Testimony], *, first: bool = False) -> None:
        """Hear a witness and enter its claims behind those of the others, or before them.

        Raises:
            UnreadableModel: the paths of the modules come to too much.
        """
        start = time.perf_counter()
        testimony = testify()
        self.heard.append(Heard(witness, testimony, time.perf_counter() - start))
        admitted: set[ModulePath] = set()
        for claim in testimony.claims:
            if claim.node in self.barred:
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

    def bar_unplaced(self) -> None:
        """Infer nothing of nodes that an earlier run could not place, if no witness names their module now.

        What that run found is known now, and would be taken for evidence that it did not have.
        """
        unplaced = (node for testimony in self.testimonies for node in testimony.unplaced)
        self.barred = frozenset(node for node in unplaced if not self.claims[node])

    @property
    def testimonies(self) -> list[Testimony]:
        """What they said."""
        return [heard.testimony for heard in self.heard]

    def winners(self) -> list[ModulePath | None]:
        """Node -> the module that the winner names."""
        return winners(self.claims)

    def classes(self) -> dict[ModulePath, str]:
        """Module -> its class by the first witness that knows it."""
        classes: dict[ModulePath, str] = {}
        for testimony in self.testimonies:
            for module, class_name in testimony.classes.items():
                if _is_admitted(module):
                    classes.setdefault(module, class_name)
        return classes


def _is_admitted(module: ModulePath) -> bool:
    """Whether a module of that path is believed to be one."""
    return module.depth <= DEEPEST and module.is_named


def winners(claims: Sequence[Sequence[Claim]]) -> list[ModulePath | None]:
    """Node -> the module that its first claim names, None where there is none."""
    return [of_node[0].module if of_node else None for of_node in claims]
