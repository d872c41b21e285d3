"""Witness for files without any scope: parameters place some nodes, dataflow places others.

A dynamo export without metadata still has the names of parameters and values. The latter group its nodes into
*steps*, one for each torch operator (see `names/torch_operators`). A step is known if parameters or
numbers of children (`names/numbered_parts`) show its module, or if it is arithmetic of a norm with a known
scale. The other steps are placed by the known ones, mostly in the module that calls the layers around them:

1. A step is an *anchor* if its operands come from different known steps (queries and keys), or if it adds the
   input of a branch to the result of the branch (`x + f(x)`). It belongs to the deepest common ancestor of
   two such steps, or of one of them and a known step behind the anchor. The search for known steps before an
   operand ends at a step that computes with a weight without a name: that step is in a module that the file
   does not name.
2. A step between known steps and anchors belongs to the deepest common ancestor of one before and one behind
   it. If that is a leaf, the step belongs to its parent, since a leaf is called as a whole. But a step that
   is already inside of the module behind it (see `_entered`) belongs to that module.
3. A step that feeds no known step or anchor belongs to the common module of the steps before it, or to the
   parent of that module if it is a leaf. The step stays unplaced if it computes with a weight without a name,
   or if such a step of this kind stands before or behind it (steps of this kind in between count as well).
   Constants belong to the common module of their readers, or to the parent of that module if it is a leaf
   and the step has operators outside of `GLUE`. Any other step that no known step or anchor feeds stays
   unplaced: it may be in a module that the file does not name.

4. A step whose results only one module uses is in that module if it shares its inputs with it
   (`entered_modules`).
5. A step that was traced between two known steps of a module is in that module. A step that is still
   unplaced is in the lowest module of the placed steps around it in the trace (`trace_order`).
6. A Transpose that undoes one of the module before it is in that module (`undone_layouts`). A Reshape that a
   tool put before several products is in their lowest common module.

Lists are never called, so a step between numbered children alone belongs to the module above the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

from rewriter.evidence.certainty import PlacementRule
from rewriter.evidence.claims import Claim, Source, Testimony
from rewriter.evidence.graph import undone_layouts
from rewriter.evidence.graph.callers import above, called_once, calling, lists
from rewriter.evidence.graph.entered_modules import Entries
from rewriter.evidence.graph.unnamed_layers import weights_of_layers
from rewriter.evidence.names import numbered_parts
from rewriter.evidence.names.torch_operators import Steps
from rewriter.evidence.names.trace_order import TraceOrder
from rewriter.evidence.parameters.leaf_classes import GLUE, class_of
from rewriter.evidence.parameters.owners import owners_of_constants
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ModulePath, common_ancestor

_ARITHMETIC = frozenset({"Pow", "Mul", "Div", "Sub", "Add", "Sqrt", "Reciprocal", "Cast", "ReduceMean"})
_ELEMENTWISE = frozenset({"Add", "Sub", "Mul", "Div", "Where", "Pow", "Min", "Max"})
_NEAREST = 24
"""Maximum known steps to consider on one side. The nearest show most; all would take quadratic time."""


def testify(
    graph: GraphIndex, modules: Sequence[ModulePath | None], guessed: Set[int] = frozenset()
) -> Testimony:
    """Return claims on nodes without a module, from the modules of the other nodes.

    Args:
        graph: the model.
        modules: node -> its module, if known.
        guessed: the nodes whose module is a guess.
    """
    claims = numbered_parts.fill(graph, modules)
    modules = list(modules)
    for claim in claims:
        modules[claim.node] = claim.module
    places = _Places(graph, modules, guessed)
    for node, module in enumerate(modules):
        step = places.steps.of[node]
        place = places.place(node)
        if place and module is None:  # no claim on the root: any two modules have it in common
            detail = f"one step with node {step}" if step != node else "from the known steps around it"
            claims.append(Claim(node, place, None, Source.DATAFLOW, None, detail, places.rule(node)))
    return Testimony(tuple(claims))


_Pair = tuple[ModulePath | None, bool, ModulePath | None, bool]
"""The modules of two steps, and for each whether the step is known."""


class _Places:
    """The modules of the steps of a file.

    Attributes:
        of_step: step -> its module.
        norms: the steps that are arithmetic of a norm with a known scale.
        guessed: the steps with a node whose module is a guess.
        known: the steps whose module is known from the start.
        compound: the modules with submodules.
        leaves: the other modules of known steps.
        lists: the modules whose known children all have numbers for names.
        called_once: the modules with a named tensor that a single node reads, and those above them.
    """

    def __init__(self, graph: GraphIndex, modules: Sequence[ModulePath | None], guessed: Set[int]) -> None:
        self.graph = graph
        self.steps = Steps(graph)
        self.guessed = {self.steps.of[node] for node in guessed}
        self.weights = weights_of_layers(graph, modules)
        self.of_step: dict[int, ModulePath | None] = {}
        for step, members in self.steps.members.items():
            found = sorted({m for node in members if (m := modules[node]) is not None})
            self.of_step[step] = common_ancestor(found)
        self.norms: set[int] = set()
        self._norms(modules)
        self.known = {step for step, place in self.of_step.items() if place is not None}
        named = {*owners_of_constants(graph).values(), *self.of_step.values()} - {None}
        self.compound = {each for place in named if place is not None for each in place.ancestors()}
        self.leaves = {
            place for step in self.known if (place := self.of_step[step]) is not None
        } - self.compound
        self.lists = lists(self.compound | self.leaves)
        self.called_once = called_once(graph, modules)
        self.entries = Entries(graph, self.steps, self.known)
        self._meetings: dict[_Pair, ModulePath | None] = {}
        self._anchor()
        self._fill()
        self._enter()
        self._enclose()
        self.of_step.update(undone_layouts.undone(graph, self.steps, self.of_step, self.known))
        self._added()
        self._constants()

    def rule(self, node: int) -> PlacementRule:
        """Return the rule that placed a node.

        Names may put an activation into the step behind it, but it may be a module of its own.
        """
        step = self.steps.of[node]
        if step in self.guessed or step not in self.known:
            return PlacementRule.STEPS_AROUND
        if step in self.norms:
            return PlacementRule.NORM
        return PlacementRule.STEPS_AROUND if self._is_leaf(node) else PlacementRule.STEP

    def place(self, node: int) -> ModulePath | None:
        """Return the module of a node: that of its step.

        Names may put an activation into the step of the leaf behind it: it is in the caller of that leaf.
        """
        step = self.steps.of[node]
        module = self.of_step[step]
        if module in self.leaves and step in self.known - self.norms and self._is_leaf(node):
            return calling(above(module), {module})
        return module

    def _is_leaf(self, node: int) -> bool:
        """Whether a node alone may be a module of torch without weights."""
        return class_of({self.graph.operators[node][1]: 1}, {}) is not None

    def _norms(self, modules: Sequence[ModulePath | None]) -> None:
        """Place the arithmetic of a norm in the module of its scale.

        Such arithmetic contains a mean, and only the product with the scale uses its results.
        """
        for node, module in enumerate(modules):
            if module is None or self.graph.operators[node][1] != "Mul":
                continue
            inside = self._leading_to(node, modules)
            if any(self.graph.operators[other][1] == "ReduceMean" for other in inside):
                found = {self.steps.of[other] for other in inside}
                self.norms |= found
                self.guessed |= found if self.steps.of[node] in self.guessed else set()
                self.of_step.update(dict.fromkeys(found, module))

    def _leading_to(self, node: int, modules: Sequence[ModulePath | None]) -> set[int]:
        """Return the unplaced arithmetic nodes whose results lead to `node` alone, through such nodes."""
        inside = {node}
        pending = [node]
        while pending:
            for other in self.graph.predecessors(pending.pop()):
                if other in inside or modules[other] is not None or not self._is_arithmetic(other):
                    continue
                if all(reader in inside for reader in self.graph.successors(other)):
                    inside.add(other)
                    pending.append(other)
        return inside - {node}

    def _is_arithmetic(self, node: int) -> bool:
        """Whether a node may be part of a norm: arithmetic, but no sum of two computed values."""
        operator = self.graph.operators[node][1]
        computed = sum(value not in self.graph.constants for value in self.graph.reads[node])
        return operator in _ARITHMETIC and (operator != "Add" or computed < 2)

    def _anchor(self) -> None:
        """Place the anchors: see rule 1 of this file."""
        sources: dict[int, tuple[int, ...]] = {}
        anchors: dict[int, ModulePath] = {}
        for step in self.steps.heads:
            if step in self.known:
                sources[step] = (step,)
                continue
            operands = [sources.get(other, ()) for other in self.steps.before[step]]
            nearest = dict.fromkeys(
                s for turn in range(_NEAREST) for o in operands for s in o[turn : turn + 1]
            )
            sources[step] = () if self._computes_unnamed(step) else tuple(nearest)[:_NEAREST]
            meetings = [
                meeting
                for number, one in enumerate(operands)
                for other in operands[number + 1 :]
                for a in _without(one, other)
                for b in _without(other, one)
                if (meeting := self._meet(a, b)) is not None
            ]
            meetings += self._branches(step, sources)
            if meetings:
                anchors[step] = max(meetings, key=lambda m: m.depth)
        behind = self._nearest_behind(self.known)
        for step, anchor in anchors.items():
            through = [
                m
                for a in sources[step]
                for b in behind[step]
                if (m := self._meet(a, b)) is not None and m.depth > anchor.depth
            ]
            self.of_step[step] = max(through, key=lambda m: m.depth, default=anchor)

    def _branches(self, step: int, sources: Mapping[int, Sequence[int]]) -> Iterator[ModulePath]:
        """Yield the common modules of the first and the last known step of `f`, for a sum `x + f(x)`.

        In `x + f(x)`, the first step of `f` reads `x`, and the last one is the known step nearest to the sum.
        """
        if self.graph.operators[step][1] != "Add":
            return
        for value in self.graph.reads[step]:
            if value == NONE or value in self.graph.constants:
                continue
            first = {self.steps.of[reader] for reader in self.graph.readers[value]} & self.known
            others = {self.steps.of[other] for other in self.graph.predecessors(step)} - {
                self.steps.of[self.graph.producer[value]] if self.graph.producer[value] != NONE else NONE
            }
            for beginning in sorted(first):
                for other in sorted(others):
                    for end in sources.get(other, ())[:1]:
                        if (meeting := self._meet(beginning, end)) is not None and beginning != end:
                            yield self._adding(meeting, beginning)

    def _adding(self, module: ModulePath, first: int) -> ModulePath:
        """Return the module that adds `x` to `f(x)`, for a module that holds the first and last step of `f`.

        That module is `f` itself if `f` begins with a weight of its own: then its caller adds.
        """
        return calling(above(module), {module}) if self.of_step[first] == module else module

    def _nearest_behind(self, known: set[int]) -> dict[int, tuple[int, ...]]:
        found: dict[int, tuple[int, ...]] = {}
        for step in reversed(self.steps.heads):
            nearest: dict[int, None] = {}
            for other in self.steps.behind[step]:
                nearest.update(dict.fromkeys((other,) if other in known else found.get(other, ())))
            found[step] = tuple(nearest)[:_NEAREST]
        return found

    def _fill(self) -> None:
        """Place the steps between known steps and anchors, and those behind the last of them."""
        fixed = {step for step in self.steps.heads if self.of_step[step] is not None}
        behind = self._nearest_behind(fixed)
        before: dict[int, tuple[int, ...]] = {}
        unnamed = self._among_unnamed(behind)
        for step in self.steps.heads:
            nearest: dict[int, None] = {}
            for other in self.steps.before[step]:
                nearest.update(dict.fromkeys((other,) if other in fixed else before.get(other, ())))
            before[step] = tuple(nearest)[:_NEAREST]
            if step in fixed or step in self.steps.constant or not before[step] or step in unnamed:
                continue
            meeting = self._between(before[step], behind[step])
            entered = self._entered(step, behind[step], fixed)
            self.of_step[step] = (
                entered if entered and (meeting is None or meeting.holds(entered)) else meeting
            )

    def _enter(self) -> None:
        """Move steps into the module whose steps alone use their results, if they share their inputs with it.

        They share an input if it is made in the module, or if a known step in a submodule reads it too.
        """
        entered: dict[int, ModulePath] = {}
        for step in reversed(self.steps.heads):
            places = {entered.get(other, self.of_step[other]) for other in self.steps.behind[step]}
            if step not in self.known and step not in self.steps.constant and None not in places:
                module, place = self._user(places), self.of_step[step]
                if module and (place is None or (place != module and place.holds(module))):
                    entered[step] = module
        for step in self.steps.heads:
            if step in entered and self.entries.all_shared(step, entered[step], self.of_step):
                self.of_step[step] = entered[step]

    def _user(self, places: Set[ModulePath | None]) -> ModulePath | None:
        """Return the lowest module that calls all places; None for none."""
        found = {place for place in places if place is not None}
        module = common_ancestor(sorted(found))
        if module is None:
            return None
        return calling(above(module) if module in self.leaves else module, found)

    def _enclose(self) -> None:
        """Place steps by the order of the trace.

        A step that was traced between two known steps of a module is moved into it. A step without a module
        is placed between those that have one by now.
        """
        order = TraceOrder(self.graph)
        for step, module in self._enclosing(order, self.known):
            place = self.of_step[step]
            if place is not None and not module.holds(place):
                self.of_step[step] = module
        placed = {step for step, place in self.of_step.items() if place is not None}
        self.of_step.update(self._enclosing(order, placed))

    def _enclosing(self, order: TraceOrder, among: Set[int]) -> list[tuple[int, ModulePath]]:
        """Return steps, and the module that calls the steps of `among` around each in the trace.

        A module that may be called several times is left out: the steps may be of different calls.
        """
        places = {step: place for step in among if (place := self.of_step[step]) is not None}
        return [
            (step, self._caller(module))
            for step, module in order.enclosing(places).items()
            if self.steps.of[step] == step and step not in self.steps.constant
            if module in self.called_once
        ]

    def _caller(self, module: ModulePath) -> ModulePath:
        """Return a module, or the nearest one above it that is neither a leaf nor a list."""
        while module and (module not in self.compound or module in self.lists):
            module = above(module)
        return module

    def _among_unnamed(self, behind: Mapping[int, Sequence[int]]) -> set[int]:
        """Return the steps at the end that may be in modules without a name.

        These are the unknown steps with no known step or anchor behind them, if they compute with a weight
        without a name, stand behind such a step, or stand before any of these.
        """
        last = [step for step in self.steps.heads if step not in self.known and not behind[step]]
        found = {step for step in last if self._computes_unnamed(step)}
        for order, beside in ((last, self.steps.before), (last[::-1], self.steps.behind)):
            touched = set(found)
            for step in order:
                if not touched.isdisjoint(beside[step]):
                    touched.add(step)
            found |= touched
        return found

    def _computes_unnamed(self, step: int) -> bool:
        """Whether a step computes with a weight without a name: the search for known steps ends there.

        A matrix in elementwise arithmetic is no such weight, but a table: angles of rotations, or a mask.
        """
        return any(
            not self.weights.isdisjoint(self.graph.reads[node])
            for node in self.steps.members[step]
            if self.graph.operators[node][1] not in _ELEMENTWISE
        )

    def _entered(self, step: int, behind: Sequence[int], fixed: Set[int]) -> ModulePath | None:
        """Return the common module of the steps behind a step if that module contains the step, else None.

        The module contains the step if a known step in a submodule reads an input of the step, or if the step
        reads the result of a step that `_fill` placed in the module.
        """
        places = {place for other in behind if (place := self.of_step[other]) is not None}
        module = common_ancestor(sorted(places))
        if not module:
            return None
        module = calling(module, places)
        beside = self.entries.beside(step)
        known = [self.of_step[other] for other in beside]
        within = any(place is not None and place != module and module.holds(place) for place in known)
        follows = any(
            other not in fixed and self.of_step[other] == module for other in self.steps.before[step]
        )
        return module if within or follows else None

    def _between(self, before: Sequence[int], behind: Sequence[int]) -> ModulePath | None:
        if before and behind:
            meetings = [m for a in before for b in behind if (m := self._meet(a, b)) is not None]
            return max(meetings, key=lambda m: m.depth, default=None)
        one_side = before or behind
        places = {place for step in one_side if (place := self.of_step[step]) is not None}
        module = common_ancestor(sorted(places))
        if module is None:
            return None
        known = {self.of_step[step] for step in one_side if step in self.known} - self.compound
        return calling(above(module) if module in known else module, places)

    def _meet(self, one: int, other: int) -> ModulePath | None:
        """Return the common module of two steps; cached, since the same few modules recur."""
        key = (self.of_step[one], one in self.known, self.of_step[other], other in self.known)
        if key not in self._meetings:
            self._meetings[key] = self._meeting(*key)
        return self._meetings[key]

    def _meeting(
        self, a: ModulePath | None, a_known: bool, b: ModulePath | None, b_known: bool
    ) -> ModulePath | None:
        """Return the lowest common module of two steps; its parent if it is a leaf that has one of them.

        None if the module of a step is not known. A list is replaced by the module that calls its children.

        A module with submodules may compute between its own weight and theirs; a leaf is called as a whole.
        """
        if a is None or b is None:
            return None
        module = common_ancestor((a, b))
        assert module is not None, "two modules have the root in common"
        if module not in self.compound and ((a_known and module == a) or (b_known and module == b)):
            module = above(module)
        return calling(module, {a, b})

    def _added(self) -> None:
        """Place each Reshape that a tool put before several products in their lowest common module."""
        for step in self.steps.added:
            places = {self.of_step[reader] for reader in self.steps.behind[step]}
            self.of_step[step] = self._user(places) or self.of_step[step]

    def _constants(self) -> None:
        for step in reversed(self.steps.heads):
            if step in self.steps.constant and self.of_step[step] is None:
                readers = {
                    self.of_step[self.steps.of[reader]]
                    for node in self.steps.members[step]
                    for reader in self.graph.successors(node)
                    if self.steps.of[reader] != step
                }
                found = {place for place in readers if place is not None}
                module = common_ancestor(sorted(found))
                if module in self.leaves and not self._only_shapes(step):
                    module = above(module)
                self.of_step[step] = None if module is None else calling(module, found)

    def _only_shapes(self, step: int) -> bool:
        """Whether a step has only operators that exporters put around nodes, also inside of a module."""
        return all(self.graph.operators[node][1] in GLUE for node in self.steps.members[step])


def _without(steps: Sequence[int], others: Sequence[int]) -> list[int]:
    """Return the sources of one operand that another operand lacks; shared ones show no common module."""
    left_out = frozenset(others)
    return [step for step in steps if step not in left_out]
