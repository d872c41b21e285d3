"""The modules of the steps of a file: what is known from the start, and what the rules have found so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

from rewriter.evidence.graph.unnamed_layers import weights_of_layers
from rewriter.evidence.names.torch_operators import Steps
from rewriter.evidence.parameters.leaf_classes import class_of
from rewriter.evidence.parameters.owners import owners_of_constants
from rewriter.evidence.steps import norm_arithmetic
from rewriter.evidence.steps.callers import above, called_once, calling, computing, lists
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath, common_ancestor

_ELEMENTWISE = frozenset({"Add", "Sub", "Mul", "Div", "Where", "Pow", "Min", "Max"})
_NEAREST = 24
"""Maximum known steps to consider on one side. The nearest show most; all would take quadratic time."""

_Pair = tuple[ModulePath | None, bool, ModulePath | None, bool]
"""The modules of two steps, and for each whether the step is known."""


class StepPlaces:
    """The modules of the steps of a file.

    Attributes:
        graph: the model.
        steps: its steps.
        of_step: step -> its module; the rules add to it.
        norms: the steps that are arithmetic of a norm with a known scale.
        guessed: the steps with a node whose module is a guess.
        known: the steps whose module is known from the start.
        named: the modules of known steps and of named constants.
        compound: the modules that compute beside their submodules, or between several matrices of their own.
        leaves: the other modules of known steps.
        lists: the modules whose known children all have numbers for names.
        called_once: the modules with a named tensor that a single node reads, and those above them.
    """

    def __init__(self, graph: GraphIndex, modules: Sequence[ModulePath | None], guessed: Set[int]) -> None:
        self.graph = graph
        self.steps = Steps(graph)
        self.of_step = self._known(modules)
        self.guessed = {self.steps.of[node] for node in guessed}
        self.norms: set[int] = set()
        self._add_norms(modules)
        self.known = {step for step, place in self.of_step.items() if place is not None}
        found = {*owners_of_constants(graph).values(), *self.of_step.values()}
        self.named = {place for place in found if place is not None}
        self.compound = {each for place in self.named for each in place.ancestors()}
        self.compound |= computing(graph, modules)
        self.leaves = {p for s in self.known if (p := self.of_step[s]) is not None} - self.compound
        self.lists = lists(self.compound | self.leaves)
        self.called_once = called_once(graph, modules)
        self._weights = weights_of_layers(graph, modules)
        self._meetings: dict[_Pair, ModulePath | None] = {}

    def _known(self, modules: Sequence[ModulePath | None]) -> dict[int, ModulePath | None]:
        """Return step -> the common module of its nodes; None for a step without a known node."""
        return {
            step: common_ancestor(sorted({m for node in members if (m := modules[node]) is not None}))
            for step, members in self.steps.members.items()
        }

    def _add_norms(self, modules: Sequence[ModulePath | None]) -> None:
        """Place the arithmetic of a norm in the module of its scale."""
        for node, inside in norm_arithmetic.norms(self.graph, modules):
            found = {self.steps.of[other] for other in inside}
            self.norms |= found
            self.guessed |= found if self.steps.of[node] in self.guessed else set()
            self.of_step.update(dict.fromkeys(found, modules[node]))

    def fixed(self) -> set[int]:
        """Return the steps that have a module by now."""
        return {step for step, place in self.of_step.items() if place is not None}

    def is_leaf(self, node: int) -> bool:
        """Whether a node alone may be a module of torch without weights."""
        return class_of({self.graph.operators[node][1]: 1}, {}) is not None

    def computes_unnamed(self, step: int) -> bool:
        """Whether an unknown step computes with a weight: the search for known steps ends there.

        A matrix in elementwise arithmetic is no such weight, but a table: angles of rotations, or a mask.
        """
        return any(
            not self._weights.isdisjoint(self.graph.reads[node])
            for node in self.steps.members[step]
            if self.graph.operators[node][1] not in _ELEMENTWISE
        )

    def may_be_unnamed(self, step: int) -> bool:
        """Whether a step between modules may be in a module that the file does not name.

        It may be if it is all that some module of torch computes, or if it or a step beside it computes with
        a weight without a name.
        """
        near = (step, *self.steps.before[step], *self.steps.behind[step])
        alone = any(map(self.is_leaf, self.steps.members[step]))
        return alone or any(other not in self.known and self.computes_unnamed(other) for other in near)

    def nearest_before(self, among: Set[int]) -> dict[int, tuple[int, ...]]:
        """Return step -> the nearest steps of `among` on each path to it."""
        return _nearest(self.steps.heads, self.steps.before, among)

    def nearest_behind(self, among: Set[int]) -> dict[int, tuple[int, ...]]:
        """Return step -> the nearest steps of `among` on each path from it."""
        return _nearest(self.steps.heads[::-1], self.steps.behind, among)

    def meet(self, one: int, other: int) -> ModulePath | None:
        """Return the lowest common module of two steps; its parent if it is a leaf that has one of them.

        None if the module of a step is not known. A list is replaced by the module that calls its children.

        A module with submodules may compute between its own weight and theirs; a leaf is called as a whole.
        """
        key = (self.of_step[one], one in self.known, self.of_step[other], other in self.known)
        if key not in self._meetings:  # the same few modules recur
            self._meetings[key] = self._meeting(*key)
        return self._meetings[key]

    def _meeting(
        self, a: ModulePath | None, a_known: bool, b: ModulePath | None, b_known: bool
    ) -> ModulePath | None:
        if a is None or b is None:
            return None
        module = common_ancestor((a, b))
        assert module is not None, "two modules have the root in common"
        if module not in self.compound and ((a_known and module == a) or (b_known and module == b)):
            module = above(module)
        return calling(module, {a, b})

    def user(self, places: Iterable[ModulePath | None]) -> ModulePath | None:
        """Return the lowest module that calls all places; None for none."""
        found = {place for place in places if place is not None}
        module = common_ancestor(sorted(found))
        if module is None:
            return None
        return calling(above(module) if module in self.leaves else module, found)


def nearest_of(operands: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Return steps of all operands in turn, the nearest of each first."""
    turns = (steps[turn : turn + 1] for turn in range(_NEAREST) for steps in operands)
    return tuple(dict.fromkeys(step for each in turns for step in each))[:_NEAREST]


def _nearest(
    order: Sequence[int], beside: Mapping[int, Sequence[int]], among: Set[int]
) -> dict[int, tuple[int, ...]]:
    found: dict[int, tuple[int, ...]] = {}
    for step in order:
        nearest: dict[int, None] = {}
        for other in beside[step]:
            nearest.update(dict.fromkeys((other,) if other in among else found.get(other, ())))
        found[step] = tuple(nearest)[:_NEAREST]
    return found
