"""Pass: turn calls of modules into ONNX local functions, nested as the modules are.

Each call gets a function of its own, or several if it must be cut into segments. The root and modules that
are not selected get none, and nodes that would fail inside functions stay outside. Values and nodes keep
their names, inside functions and outside, so `flatten` restores the file and a profile maps to nodes.
Initializers are inputs of the functions, never constants in their bodies.

Before::

    g (float[2] x) => (float[2] y) {
      ["/l.0/Relu"] a = Relu (x)
      ["/l.0/Neg"] b = Neg (a)
      ["/l.1/Relu"] c = Relu (b)
      ["/l.1/Neg"] y = Neg (c)
    }

After::

    g (float[2] x) => (float[2] y) {
      ["/l.0"] b = l_0.l (x)
      ["/l.1"] y = l_1.l (b)
    }
    <domain: "l_0", opset_import: ["" : 17]> l (x) => (b) {
      ["/l.0/Relu"] a = Relu (x)
      ["/l.0/Neg"] b = Neg (a)
    }
    <domain: "l_1", opset_import: ["" : 17]> l (b) => (y) {
      ["/l.1/Relu"] c = Relu (b)
      ["/l.1/Neg"] y = Neg (c)
    }
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from onnx import FunctionProto, ModelProto, NodeProto

from rewriter.basics.option_declaration import again, part, texts
from rewriter.errors import UsageError
from rewriter.evidence.metadata import tags
from rewriter.evidence.names.scope_grammar import scope_of_call
from rewriter.evidence.parameters.parameter_names import alias_of
from rewriter.model import metadata
from rewriter.model.operator_set.default_domain import LONG, spell_short
from rewriter.model.operator_set.ir_version import WITH_FUNCTIONS, WITH_OVERRIDABLE, allow_functions
from rewriter.model.operator_set.operators import canonical
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.modules.module_tree import ModuleTree
from rewriter.modules.selection import WORDS, Miss, Selection
from rewriter.options.groups import RewriteSteps
from rewriter.passes.annotate import class_entries
from rewriter.passes.base import Outcome
from rewriter.passes.functions.boundary_types import BoundaryTypes
from rewriter.passes.functions.equal_functions import find_equal_functions
from rewriter.passes.functions.function_names import FunctionNames, import_domains, ranges
from rewriter.passes.functions.grouping_plan import MOST_ROUNDS, GroupingPlan, Planner
from rewriter.passes.functions.provenance import is_ours
from rewriter.passes.preserved_parts import TREE, Part
from rewriter.paths import ROOT, ModulePath
from rewriter.regions.boundary import Interface
from rewriter.regions.region_tree import TOP, Region
from rewriter.runtime.weights.inline import outline, with_initializers


@dataclass(frozen=True, slots=True)
class Group:
    """Moves the nodes of calls into functions, reorders them, and states types at calls as far as needed.

    A model that is already grouped is not changed. Functions need IR version 8, to which an older file is
    raised. If the file was below version 4, its initializers are removed from the inputs, so that they stay
    constants.

    Attributes:
        depth: maximum nesting of functions; 0 for as deep as modules call each other.
        only: group the modules whose path matches this glob, or one of several; all if empty.
        class_name: group the modules of this class, or of one of several, as globs (the last name is enough);
            all if empty.
        kind: group the modules whose class is of this kind, or of one of several.
        operators: group the modules that own a node of this operator themselves.
        leave_out: group no modules whose path matches, and none inside them.
        inferred: whether `class_name` also matches an inferred class, which is a guess.
        repeated: group only modules whose body another module has too, or another call of the same module.

    Raises:
        UsageError: the selection matches no module, or no called module within `depth`.
    """

    name: ClassVar[str] = "group"
    requires: ClassVar[frozenset[Part]] = TREE
    preserves: ClassVar[frozenset[Part]] = frozenset({Part.METADATA})
    undone: ClassVar[bool] = True
    depth: int = again(RewriteSteps, "depth")
    only: str | tuple[str, ...] = again(RewriteSteps, "only")
    class_name: str | tuple[str, ...] = again(RewriteSteps, "class_name")
    repeated: bool = again(RewriteSteps, "repeated")
    kind: str | tuple[str, ...] = again(RewriteSteps, "kind")
    operators: str | tuple[str, ...] = again(RewriteSteps, "operators")
    leave_out: str | tuple[str, ...] = again(RewriteSteps, "leave_out")
    inferred: bool = again(RewriteSteps, "inferred")

    def __post_init__(self) -> None:
        """Store a text as a tuple of one text."""
        for name in WORDS:
            object.__setattr__(self, name, texts(getattr(self, name)))

    @property
    def selection(self) -> Selection:
        """The selected modules, at any depth."""
        return replace(part(Selection, self), depth=None)

    def run(self, analysis: Analysis) -> Outcome:
        """Find the regions, make them callable, and emit them all in one sweep."""
        chosen = self._chosen(analysis)
        if any(is_ours(function) for function in analysis.model.functions):
            return Outcome({"functions made": 0})
        analysis.demand_text()
        types, wants = BoundaryTypes(analysis.graph), self._wants(chosen)
        plan = _plan(analysis, types, wants)
        if chosen is not None and len(plan.regions.regions) == 1 and not plan.refusals:
            raise UsageError(self._uncalled(analysis))
        if self.repeated:
            functions = _Emission(analysis, plan).functions()
            twins = find_equal_functions(functions, analysis.model.functions)
            again = {member.module for members in twins if len(members) > 1 for member in members}
            plan = _plan(analysis, types, lambda tree, module: module.path in again and wants(tree, module))
        return Outcome(_Emission(analysis, plan).emit(), plan.refusals)

    def narrowed(self, analysis: Analysis) -> tuple[Group | None, tuple[Miss, ...]]:
        """Return the pass without the globs that match nothing in a model, and these globs.

        The pass is None if `only`, `class_name` or `operators` loses all its globs, or if no module matches
        the others.
        """
        left, misses = self.selection.narrowed(analysis)
        if left is None:
            return None, misses
        return replace(self, **{name: getattr(left, name) for name in WORDS}), misses

    def _chosen(self, analysis: Analysis) -> Collection[ModulePath] | None:
        """Return the selected modules; None for all."""
        if self.selection == Selection():
            return None
        return {module.path for module in self.selection.modules(analysis)}

    def _wants(self, chosen: Collection[ModulePath] | None) -> Callable[[ModuleTree, Module], bool]:
        return lambda tree, module: (
            (not self.depth or sum(m.calls > 0 for m in tree.path_to(module.path)[1:]) <= self.depth)
            and (chosen is None or module.path in chosen)
        )

    def _uncalled(self, analysis: Analysis) -> str:
        """Return the message if no selected module is called, or none within `depth`."""
        where = f"{analysis.path or 'model'}: no function can be made of "
        first = next(iter(self.selection.modules(analysis)))
        parts = f"; its parts are {first.path}.*" if first.children else ""
        within = f" within depth {self.depth}" if self.depth else ""
        return f"{where}{first.path or '(root)'}: none of the modules that fit is called{within}{parts}"


def _plan(
    analysis: Analysis, types: BoundaryTypes, wants: Callable[[ModuleTree, Module], bool]
) -> GroupingPlan:
    """Plan the functions: first move out nodes that are known to fail, then nodes that fail in a trial."""
    planner = Planner(analysis, types, wants)
    plan = planner.plan()

    def sketch() -> ModelProto:
        return _Emission(analysis, plan).sketch()

    for _ in range(MOST_ROUNDS):
        if not (lifted := types.lift_unloadable(planner.regions, sketch)):
            break
        planner.refusals += lifted
        plan = planner.plan()
    return plan


class _Emission:
    """Writer of functions and calls, innermost first, then of the main graph."""

    def __init__(self, analysis: Analysis, plan: GroupingPlan) -> None:
        self.analysis = analysis
        self.model: ModelProto = analysis.model
        self.nodes = analysis.graph.nodes
        self.regions = plan.regions
        self.order = plan.order
        self.boundaries = plan.boundaries
        self.names = FunctionNames(self.model)
        self.spelled_long = any(domain == LONG for domain, _ in set(analysis.graph.operators))
        self.calls: dict[int, NodeProto] = {}
        self.node_names = {node.name for node in self.nodes}
        self.infos: dict[str, list[int]] = {}
        for place, info in enumerate(self.model.graph.value_info):
            self.infos.setdefault(info.name, []).append(place)
        self.types = plan.types
        self.parameters: dict[str, list[ModulePath]] = {}
        wholes = {claim.initializer: claim.stored_as for claim in analysis.parameters if claim.stored_as}
        for module in analysis.tree:
            for parameter in module.parameters:
                name = wholes.get(parameter.initializer) or module.path.child(parameter.name)
                self.parameters.setdefault(parameter.initializer, []).append(name)
        self.module_order = {module.path: order for order, module in enumerate(analysis.tree)}

    def emit(self) -> dict[str, int]:
        """Write functions, calls and the main graph; return kind of change -> number."""
        functions = self.functions()
        left = 0
        if functions:
            left = self._write(self.model, functions)
        changes = {"functions made": len(functions), "initializers no longer inputs": left}
        return {what: count for what, count in changes.items() if count or what == "functions made"}

    def sketch(self) -> ModelProto:
        """Return a copy of the model with its functions and without the data of large weights."""
        made = with_initializers(self.model, outline)
        self._write(made, self.functions())
        return made

    def _write(self, model: ModelProto, functions: Sequence[FunctionProto]) -> int:
        """Replace nodes by functions and calls; return the number of removed inputs."""
        self._rewrite_main(model)
        model.functions.extend(functions)
        import_domains(model, {function.domain for function in functions})
        if WITH_OVERRIDABLE <= model.ir_version < WITH_FUNCTIONS:
            metadata.write(model, {tags.IR_VERSION: str(model.ir_version)})
        return allow_functions(model)

    def functions(self) -> list[FunctionProto]:
        """Return the functions, innermost first; the model is not changed."""
        chains = self.regions.chains()
        innermost_first = sorted(range(len(chains)), key=lambda number: (-len(chains[number]), number))
        return [self._function(n) for n in innermost_first if n != TOP and self.order[n]]

    def _function(self, number: int) -> FunctionProto:
        region, boundary = self.regions.regions[number], self.boundaries[number]
        module = self.analysis.tree[region.module]
        function = FunctionProto()
        function.domain, function.name = self.names.of(region, module)
        values = self.analysis.graph.value_names
        parameters = self._parameters(region, boundary)
        function.input.extend(self._inputs(boundary, parameters))
        function.output.extend(values[value] for value in boundary.outputs)
        function.node.extend(self._body(number))
        self._import(function)
        formal = {*function.input}
        written = [name for node in function.node for name in node.output if name not in formal]
        known = [place for name in written for place in self.infos.get(name, ())]
        function.value_info.extend(self.model.graph.value_info[place] for place in known)
        function.value_info.extend(self.types[name] for name in written if name in self.types)
        function.doc_string = f"Call {region.call} of module {region.module}"
        infos = {tags.INFOS: ranges(known)} if known else {}
        entry = {tags.PARAMETERS: json.dumps(parameters, ensure_ascii=False)} if parameters else {}
        metadata.write(function, {**_entries(region, module), **entry, **infos})
        self.calls[number] = self._call(number, function, module)
        return function

    def _import(self, function: FunctionProto) -> None:
        """Import the opsets of a function, the default domain as ''; functions accept no other spelling."""
        for node in function.node if self.spelled_long else ():
            if numbers := spell_short(node):
                metadata.write(node, {tags.SPELLED: ranges(numbers)})
        for each in {canonical(each.domain): each for each in self.model.opset_import}.values():
            function.opset_import.append(each)
            if each.domain == LONG:
                function.opset_import[-1].domain = ""
        import_domains(function, {node.domain for node in function.node})

    def _inputs(self, boundary: Interface, parameters: Collection[str]) -> list[str]:
        """Return the inputs of a function: activations, then parameters, then other stored tensors."""
        graph = self.analysis.graph
        given = [graph.value_names[v] for v in boundary.inputs if v not in graph.initializers]
        stored = [graph.value_names[v] for v in boundary.inputs if v in graph.initializers]
        given = [name for name in given if name not in parameters]
        return [*given, *parameters, *(name for name in stored if name not in parameters)]

    def _parameters(self, region: Region, boundary: Interface) -> dict[str, str]:
        """Map inputs that are parameters of a region's module to names relative to it, in module order."""
        graph = self.analysis.graph
        found: list[tuple[int, str, ModulePath]] = []
        for value in boundary.inputs:
            tied = self.parameters.get(graph.value_names[alias_of(graph, value)], ())
            own = next((path for path in tied if region.module.holds(path)), None)
            if own is not None:
                found.append((self.module_order[own.parent or ROOT], graph.value_names[value], own))
        found.sort(key=lambda each: each[0])  # stable: within a module, file order
        return {name: own.relative_to(region.module) for _, name, own in found}

    def _body(self, number: int) -> list[NodeProto]:
        return [self.calls[n] if is_region else self.nodes[n] for is_region, n in self.order[number]]

    def _call(self, number: int, function: FunctionProto, module: Module) -> NodeProto:
        region = self.regions.regions[number]
        call = NodeProto(op_type=function.name, domain=function.domain)
        base = call_name = scope_of_call(region.module, region.call)
        attempt = 0
        while call_name in self.node_names:
            attempt += 1
            call_name = f"{base}/{function.name}" + (f"_{attempt}" if attempt > 1 else "")
        self.node_names.add(call_name)
        call.name = call_name
        call.input.extend(function.input)
        call.output.extend(function.output)
        own = [n for is_region, n in self.order[number] if not is_region]
        metadata.write(call, {**_entries(region, module), tags.ORDER: ranges(own)})
        return call

    def _rewrite_main(self, model: ModelProto) -> None:
        main = model.graph
        own = [n for is_region, n in self.order[TOP] if not is_region]
        # Copied before the list is cleared, which would clear its nodes too.
        body = [NodeProto.FromString(node.SerializeToString()) for node in self._body(TOP)]
        # Names of values that moved into functions. Graph bodies and functions may define the same names.
        inside = {name for n in main.node for name in n.output} - {name for n in body for name in n.output}
        left = []
        for position in reversed(range(len(main.value_info))):
            if main.value_info[position].name in inside:
                del main.value_info[position]
            else:
                left.append(position)
        del main.node[:]
        main.node.extend(body)
        written = {name for node in body for name in node.output}
        main.value_info.extend(info for name, info in self.types.items() if name in written)
        infos = {tags.INFOS: ranges(left[::-1])} if self.infos else {}
        metadata.write(model, {tags.ORDER: ranges(own), **infos})


def _entries(region: Region, module: Module) -> dict[str, str]:
    return {tags.MODULE: str(region.module), tags.CALL: str(region.call), **class_entries(module)}
