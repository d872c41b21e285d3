"""Pass: replace modules by nodes of one operator, with the modules' computation as its function body.

It is `group` for the chosen modules alone, then `share`, with one name for the function. Every call of a
module becomes one node, also calls in bodies of If, Loop and Scan.

The inputs of the operator are the values that the module reads and does not compute, in order of first use;
then its parameters, in order of their names in the module; then the other stored tensors that it reads, in
order of the file. Constant nodes stay in the body, unless they differ between the modules: values of
attributes that differ become attributes of the operator.

Before::

    g (float[2] x) => (float[2] y) {
      ["/l.0/LeakyRelu"] a = LeakyRelu <alpha = 0.1> (x)
      ["/l.0/Neg"] b = Neg (a)
      ["/l.1/LeakyRelu"] c = LeakyRelu <alpha = 0.2> (b)
      ["/l.1/Neg"] y = Neg (c)
    }

After::

    g (float[2] x) => (float[2] y) {
      ["/l.0"] b = my.domain.Fused <alpha = 0.1> (x)
      ["/l.1"] y = my.domain.Fused <alpha = 0.2> (b)
    }
    <domain: "my.domain", opset_import: ["" : 17]> Fused <alpha> (input) => (output) {
      [LeakyRelu] a = LeakyRelu <alpha: float = @alpha> (input)
      [Neg] output = Neg (a)
    }
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import ClassVar

from onnx import ModelProto

from rewriter.edits.differing_bodies import describe_differences
from rewriter.edits.given_attributes import AttributeValue, demand_attribute, give
from rewriter.edits.operator_name import OperatorName
from rewriter.edits.replacement import function_of, nodes_of
from rewriter.errors import CannotReplace, UsageError
from rewriter.evidence.parameters.parameter_names import alias_of
from rewriter.model.index.graph import NONE
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.modules.selection import Selection
from rewriter.passes.base import Outcome
from rewriter.passes.emission.body_plans import plan_functions
from rewriter.passes.emission.boundary_types import BoundaryTypes
from rewriter.passes.emission.function_writer import Emission
from rewriter.passes.emission.grouping_plan import GroupingPlan
from rewriter.passes.functions.constants.embedding import constants_of, embed
from rewriter.passes.functions.differing_attributes import lift_attributes
from rewriter.passes.functions.equal_functions import Member, find_equal_functions
from rewriter.passes.functions.provenance import is_ours
from rewriter.passes.functions.value_names import UsedNames
from rewriter.passes.preserved_parts import TREE, Part
from rewriter.passes.share import merger_of, write_shared
from rewriter.paths import ROOT, ModulePath
from rewriter.refusals import Reason, Refusal
from rewriter.regions.region_tree import TOP, Region, name_of


@dataclass(frozen=True, slots=True)
class Replace:
    """Replaces each call of the chosen modules by one node; all of them, or none.

    Attributes:
        operator: the operator; its function gets the name `operator.provisional`.
        selection: the modules; of modules inside each other, the outermost.
        attributes: attributes of each node that the body does not read, for a kernel.

    Raises:
        UsageError: the selection matches no module, or a module that is never called; the name is in use; or
            the model has functions of an earlier run; or see `given_attributes`.
        CannotReplace: a module cannot be one node, or the modules have different bodies.
    """

    name: ClassVar[str] = "replace"
    requires: ClassVar[frozenset[Part]] = TREE
    preserves: ClassVar[frozenset[Part]] = frozenset({Part.METADATA})
    undone: ClassVar[bool] = True
    operator: OperatorName
    selection: Selection = field(default=Selection())
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse attributes that no operator can have."""
        for name, value in self.attributes.items():
            demand_attribute(name, value)

    def run(self, analysis: Analysis) -> Outcome:
        """Make one function of all calls of the chosen modules."""
        file = str(analysis.path or "model")
        if any(is_ours(function) for function in analysis.model.functions):
            raise UsageError(f"{file}: has functions of an earlier run; 'rewriter flatten' it first")
        analysis.demand_text()
        for operator in (self.operator, self.operator.provisional):
            operator.demand_free(analysis.model, file)
        chosen = self.selection.whole(analysis)
        _demand_called(file, chosen)
        paths = {module.path for module in chosen}
        types = BoundaryTypes(analysis.graph)
        plans = plan_functions(analysis, types, lambda module: module.path in paths)
        _demand_whole(file, chosen, plans)
        model = analysis.model
        names = _NamesOfOne(self.operator.provisional, model)
        constants = constants_of(analysis)
        Emission(analysis, plans, names).emit()
        calls, lost = _share(file, model, names)
        embed(model, constants)
        made = self.operator
        give(function_of(model, made.provisional), nodes_of(model, made.provisional), self.attributes, file)
        changes = {"modules replaced": len(chosen), "calls of the operator": calls}
        return Outcome(changes, (*_left_outside(analysis, paths), *lost))


class _NamesOfOne:
    """Source of names that gives every call the name of the operator, and a domain of its own."""

    def __init__(self, operator: OperatorName, model: ModelProto) -> None:
        self._operator = operator
        self._domains = UsedNames(opset.domain for opset in model.opset_import)

    def of(self, region: Region, module: Module) -> tuple[str, str]:
        return self._domains.fresh(f"{self._operator.domain}.call"), self._operator.name

    def shared(self, class_name: str | None, name: str) -> tuple[str, str]:
        return self._operator.domain, self._operator.name


def _demand_called(file: str, chosen: Sequence[Module]) -> None:
    """Refuse the root, which has no call, and modules that are never called, such as lists."""
    for module in chosen:
        if module.path == ROOT:
            raise UsageError(
                f"{file}: the root is the whole model, not a module in it; choose modules inside"
            )
        if not module.calls:
            parts = f"; its parts are {module.path}.*" if module.children else ""
            raise UsageError(f"{file}: {module.path} is never called, so no node can replace it{parts}")


def _demand_whole(file: str, chosen: Sequence[Module], plans: Sequence[GroupingPlan]) -> None:
    """Refuse modules of which a call is no region or several, or has lost nodes."""
    refusals = [refusal for plan in reversed(plans) for refusal in plan.refusals]
    found: set[ModulePath] = set()
    for plan in plans:
        for number, region in enumerate(plan.regions.regions):
            if number != TOP and plan.order[number]:
                found.add(region.module)
    lost = {refusal.module: refusal for refusal in reversed(refusals)}
    for module in chosen:
        if module.path in lost:
            raise CannotReplace(f"{file}: not one node: {lost[module.path]}; choose other modules")
        if module.path not in found:
            raise CannotReplace(f"{file}: {module.path} has no nodes that a function can hold")


def _left_outside(analysis: Analysis, paths: Set[ModulePath]) -> Iterator[Refusal]:
    """Yield a refusal for each node of the chosen modules that `unshare` moved out of them.

    An Identity of an initializer does not count: its value is a stored tensor for the operator.
    """
    graph = analysis.graph
    for node, placement in enumerate(analysis.tree.placements):
        is_alias = any(alias_of(graph, value) != value for value in graph.writes[node] if value != NONE)
        if placement is not None and placement.home is not None and not is_alias:
            module = next((each for each in _upwards(placement.module) if each in paths), None)
            if module is not None and not module.holds(placement.home[0]):
                yield Refusal(module, Reason.READ_OUTSIDE, name_of(graph, node))


def _upwards(module: ModulePath) -> tuple[ModulePath, ...]:
    return (module, *module.ancestors())


def _share(file: str, model: ModelProto, names: _NamesOfOne) -> tuple[int, list[Refusal]]:
    """Merge the functions of all calls into one; return the number of calls, and refusals of names."""
    ours = [function for function in model.functions if is_ours(function)]
    others = [function for function in model.functions if not is_ours(function)]
    merger = merger_of(model, names, _first_use)
    first, *more = lift_attributes(ours, others, merger.calls)
    if more:
        raise CannotReplace(f"{file}: {describe_differences(first, more)}")
    (members,) = find_equal_functions(ours, others)
    write_shared(model, [merger.merge(members)])
    return len(members), merger.refusals


def _first_use(member: Member) -> tuple[Sequence[str], Sequence[str]]:
    """Return inputs in order of first use, and parameters in order of their names."""
    names = member.parameters
    return list(member.function.input), sorted(names, key=lambda name: _by_number(names[name]))


def _by_number(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts `layers.2` before `layers.10`."""
    return [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", name)]
