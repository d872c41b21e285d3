"""Pass: make every call of a module an ONNX local function, nested as the modules are.

Each call gets a function of its own, and names stay what they were: inside and outside, values and nodes
keep their names, so `flatten` gives the file back and a profile maps to nodes. Weights are inputs of the
functions, never constants in their bodies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from onnx import FunctionProto, ModelProto, NodeProto

from rewriter.evidence import tags
from rewriter.evidence.grammar import scope_of_call
from rewriter.evidence.parameters import alias_of
from rewriter.model import metadata
from rewriter.model.graph import NONE
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module, ModuleTree
from rewriter.passes.annotate import class_entries
from rewriter.passes.base import Outcome
from rewriter.passes.flatten import is_ours
from rewriter.passes.naming import FunctionNames, import_domains, raise_ir_version, ranges
from rewriter.passes.twins import find_twins
from rewriter.paths import ROOT, ModulePath
from rewriter.refusals import Reason, Refusal
from rewriter.regions.boundary import Boundary, find_boundaries
from rewriter.regions.callable import LateTypes, lift_uninferable
from rewriter.regions.calls import TOP, Region, Regions, find_regions, name_of
from rewriter.regions.convex import Part, make_convex
from rewriter.regions.order import order_parts

_MOST_ROUNDS = 8
"""Of making regions callable and convex in turn; one is enough but where each undoes the other."""


@dataclass(frozen=True, slots=True)
class Group:
    """Moves the nodes of calls into functions and reorders nodes where that needs it; changes nothing else.

    A model that is grouped already is left as it is.

    Attributes:
        depth: nest functions this deep at the most; 0 for as deep as modules call each other.
        only: group the modules whose path fits this glob; all where empty.
        class_name: group the modules of this class (its last name is enough); all where empty.
        repeated: group only modules that have the same body as another, or as themselves in another call.
    """

    name: ClassVar[str] = "group"
    needs_analysis: ClassVar[bool] = True
    depth: int = 0
    only: str = ""
    class_name: str = ""
    repeated: bool = False

    def run(self, analysis: Analysis) -> Outcome:
        """Find the regions, make them callable, and emit them all in one sweep."""
        if any(is_ours(function) for function in analysis.model.functions):
            return Outcome({"functions made": 0})
        analysis.demand_text()
        plan = _plan(analysis, self._wants)
        if self.repeated:
            functions = _Emission(analysis, plan).functions()
            twins = find_twins(functions, analysis.model.functions)
            again = {member.module for members in twins if len(members) > 1 for member in members}
            plan = _plan(analysis, lambda tree, module: module.path in again and self._wants(tree, module))
        return Outcome({"functions made": _Emission(analysis, plan).emit()}, plan.refusals)

    def _wants(self, tree: ModuleTree, module: Module) -> bool:
        return (
            (not self.depth or sum(m.calls > 0 for m in tree.path_to(module.path)[1:]) <= self.depth)
            and (not self.only or module.path.matches(self.only))
            and (not self.class_name or self.class_name in (module.class_name, module.short_class))
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which regions become functions.

    Attributes:
        regions: the regions, convex.
        order: region -> the parts of its body in their order.
        boundaries: region -> its interface.
        refusals: what could not be done.
    """

    regions: Regions
    order: Sequence[Sequence[Part]]
    boundaries: Sequence[Boundary]
    refusals: tuple[Refusal, ...]


def _plan(analysis: Analysis, wants: Callable[[ModuleTree, Module], bool]) -> _Plan:
    graph, tree = analysis.graph, analysis.tree
    regions = find_regions(graph, tree, lambda module: wants(tree, module))
    refusals = [*_in_bodies(analysis, wants), *lift_uninferable(graph, regions)]
    late = LateTypes(graph)
    refusals += late.lift(regions)
    order = order_parts(graph, regions)
    if order is None:
        refusals += make_convex(graph, regions, tree, analysis.claims)
        for _ in range(_MOST_ROUNDS):  # a segment may have come between a value and its reader
            if not (lifted := late.lift(regions)):
                break
            refusals += lifted + make_convex(graph, regions, tree, analysis.claims)
        order = order_parts(graph, regions)
        assert order is not None, "a level with a cycle"
    return _Plan(regions, order, find_boundaries(graph, regions), tuple(refusals))


def _in_bodies(analysis: Analysis, wants: Callable[[ModuleTree, Module], bool]) -> Iterator[Refusal]:
    """The wanted modules with nodes in bodies of nodes that are not theirs; the outermost of each node."""
    graph, tree = analysis.graph, analysis.tree
    told: set[ModulePath] = set()
    for node, placement in enumerate(tree.placements):
        if placement is None or graph.bodies[graph.body_of[node]].owner == NONE:
            continue
        owners = [
            place.module if (place := tree.placements[each]) else ROOT for each in graph.enclosing(node)
        ]
        for module in tree.path_to(placement.module)[1:] if placement.module in tree else ():
            if module.calls and wants(tree, module) and not any(map(module.path.holds, owners)):
                if module.path not in told:
                    told.add(module.path)
                    yield Refusal(module.path, Reason.IN_A_BODY, name_of(graph, node))
                break


class _Emission:
    """Writes functions and calls, innermost first, then the main graph."""

    def __init__(self, analysis: Analysis, plan: _Plan) -> None:
        self.analysis = analysis
        self.model: ModelProto = analysis.model
        self.nodes = analysis.graph.nodes
        self.regions = plan.regions
        self.order = plan.order
        self.boundaries = plan.boundaries
        self.names = FunctionNames(self.model)
        self.calls: dict[int, NodeProto] = {}
        self.node_names = {node.name for node in self.nodes}
        self.infos: dict[str, list[int]] = {}
        for place, info in enumerate(self.model.graph.value_info):
            self.infos.setdefault(info.name, []).append(place)
        self.parameters: dict[str, list[ModulePath]] = {}
        for module in analysis.tree:
            for parameter in module.parameters:
                self.parameters.setdefault(parameter.initializer, []).append(
                    module.path.child(parameter.name)
                )
        self.module_order = {module.path: order for order, module in enumerate(analysis.tree)}

    def emit(self) -> int:
        """Write everything; returns the number of functions."""
        if functions := self.functions():
            self._rewrite_main()
            self.model.functions.extend(functions)
            import_domains(self.model, {function.domain for function in functions})
            raise_ir_version(self.model)
        return len(functions)

    def functions(self) -> list[FunctionProto]:
        """The functions, innermost first; the model is not touched."""
        chains = self.regions.chains()
        innermost_first = sorted(range(len(chains)), key=lambda number: (-len(chains[number]), number))
        return [self._function(n) for n in innermost_first if n != TOP and self.order[n]]

    def _function(self, number: int) -> FunctionProto:
        region, boundary = self.regions.regions[number], self.boundaries[number]
        module = self.analysis.tree[region.module]
        function = FunctionProto()
        function.domain, function.name = self.names.of(region, module)
        values = self.analysis.graph.value_names
        function.input.extend(values[value] for value in boundary.inputs)
        function.output.extend(values[value] for value in boundary.outputs)
        function.node.extend(self._body(number))
        function.opset_import.extend(self.model.opset_import)
        import_domains(function, {node.domain for node in function.node} - {"ai.onnx"})
        formal = {*function.input}
        written = (name for node in function.node for name in node.output if name not in formal)
        known = [place for name in written for place in self.infos.get(name, ())]
        function.value_info.extend(self.model.graph.value_info[place] for place in known)
        function.doc_string = f"Call {region.call} of module {region.module}"
        infos = {tags.INFOS: ranges(known)} if known else {}
        metadata.write(function, {**_entries(region, module), **self._parameters(region, boundary), **infos})
        self.calls[number] = self._call(number, function, module)
        return function

    def _parameters(self, region: Region, boundary: Boundary) -> dict[str, str]:
        """The entry that tells which inputs of a function are parameters, and of what name in its module."""
        graph = self.analysis.graph
        found: list[tuple[int, str, ModulePath]] = []
        for value in boundary.inputs:
            tied = self.parameters.get(graph.value_names[alias_of(graph, value)], ())
            own = next((path for path in tied if region.module.holds(path)), None)
            if own is not None:
                found.append((self.module_order[own.parent or ROOT], graph.value_names[value], own))
        found.sort(key=lambda each: each[0])  # stable: within a module, the order of the file
        local = {name: own.relative_to(region.module) for _, name, own in found}
        return {tags.PARAMETERS: json.dumps(local, ensure_ascii=False)} if local else {}

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

    def _rewrite_main(self) -> None:
        main = self.model.graph
        own = [n for is_region, n in self.order[TOP] if not is_region]
        # Copied first: what the body holds dies with the list it is taken from.
        body = [NodeProto.FromString(node.SerializeToString()) for node in self._body(TOP)]
        # Of the main graph's own values: bodies and functions of others may use the same names.
        inside = {name for n in main.node for name in n.output} - {name for n in body for name in n.output}
        left = []
        for position in reversed(range(len(main.value_info))):
            if main.value_info[position].name in inside:
                del main.value_info[position]
            else:
                left.append(position)
        del main.node[:]
        main.node.extend(body)
        infos = {tags.INFOS: ranges(left[::-1])} if self.infos else {}
        metadata.write(self.model, {tags.ORDER: ranges(own), **infos})


def _entries(region: Region, module: Module) -> dict[str, str]:
    return {tags.MODULE: str(region.module), tags.CALL: str(region.call), **class_entries(module)}
