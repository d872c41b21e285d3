"""Writes the functions of a plan, their calls, and the bodies that hold the calls."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from onnx import FunctionProto, GraphProto, ModelProto, NodeProto

from rewriter.evidence.metadata import tags
from rewriter.evidence.names.scope_grammar import scope_of_call
from rewriter.evidence.parameters.parameter_names import alias_of
from rewriter.model import metadata
from rewriter.model.index.graph import domains_of, graphs_of
from rewriter.model.operator_set.default_domain import LONG, spell_short
from rewriter.model.operator_set.ir_version import WITH_FUNCTIONS, WITH_OVERRIDABLE, allow_functions
from rewriter.model.operator_set.operators import canonical
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.passes.annotate import class_entries
from rewriter.passes.emission.grouping_plan import GroupingPlan
from rewriter.passes.functions.function_names import FunctionNames, import_domains, ranges
from rewriter.paths import ROOT, ModulePath
from rewriter.regions.boundary import Interface
from rewriter.regions.region_tree import TOP, Region
from rewriter.runtime.weights.inline import outline, with_initializers


class NamesOfCalls(Protocol):
    """Source of names of functions for one call each."""

    def of(self, region: Region, module: Module) -> tuple[str, str]:
        """Return the domain and name of the function for a region."""


class Emission:
    """Writer of the functions of a model.

    Args:
        analysis: the model.
        plans: the plans of its bodies, inner bodies before outer ones, the main graph last.
        names: the source of the functions' names; by default they come from classes and paths.
    """

    def __init__(
        self, analysis: Analysis, plans: Sequence[GroupingPlan], names: NamesOfCalls | None = None
    ) -> None:
        self._analysis = analysis
        self._shared = _NamesInUse(analysis, names or FunctionNames(analysis.model))
        self._plans = plans

    def emit(self) -> dict[str, int]:
        """Write functions, calls and the bodies around them; return kind of change -> number."""
        functions, main = self._made()
        left = self._write(self._analysis.model, functions, main) if functions else 0
        changes = {"functions made": len(functions), "initializers no longer inputs": left}
        return {what: count for what, count in changes.items() if count or what == "functions made"}

    def sketch(self) -> ModelProto:
        """Return a copy of the model with its functions and without the data of large weights."""
        model = with_initializers(self._analysis.model, outline)
        self._write(model, *self._made())
        return model

    def functions(self) -> list[FunctionProto]:
        """Return the functions, callees before callers; the model is not changed."""
        return self._made()[0]

    def _made(self) -> tuple[list[FunctionProto], _BodyEmission]:
        """Return the functions, callees before callers, and the writer of the main graph."""
        found: list[FunctionProto] = []
        owners = _Owners(self._analysis)
        for plan in self._plans:
            copies = owners.inside(plan)
            body = _BodyEmission(self._shared, plan, copies)
            made = body.functions()
            if plan.view.body and (made or copies):
                owners.replace(plan.view.body, body.graph())
            found += made
        return found, body

    def _write(self, model: ModelProto, functions: Sequence[FunctionProto], main: _BodyEmission) -> int:
        """Replace nodes by functions and calls; return the number of removed inputs."""
        metadata.write(model, main.rewrite(model.graph))
        model.functions.extend(functions)
        import_domains(model, {function.domain for function in functions})
        if WITH_OVERRIDABLE <= model.ir_version < WITH_FUNCTIONS:
            metadata.write(model, {tags.IR_VERSION: str(model.ir_version)})
        return allow_functions(model)


class _Owners:
    """Copies of the nodes whose bodies were rewritten."""

    def __init__(self, analysis: Analysis) -> None:
        self._graph = analysis.graph
        self._bodies: dict[int, list[int]] = {}
        for number, body in enumerate(analysis.graph.bodies):
            self._bodies.setdefault(body.owner, []).append(number)
        self._copies: dict[int, dict[int, NodeProto]] = {}

    def inside(self, plan: GroupingPlan) -> dict[int, NodeProto]:
        """Return node of a view -> its copy, for the nodes directly in the body."""
        copies = self._copies.get(plan.view.body, {})
        return {node - plan.view.first: copy for node, copy in copies.items()}

    def replace(self, body: int, graph: GraphProto) -> None:
        """Write a rewritten body into the copy of its owner."""
        owner = self._graph.bodies[body].owner
        copies = self._copies.setdefault(self._graph.body_of[owner], {})
        if (copy := copies.get(owner)) is None:
            copy = copies[owner] = NodeProto()
            copy.CopyFrom(self._graph.nodes[owner])
        graphs = [each for attribute in copy.attribute for each in graphs_of(attribute)]
        graphs[self._bodies[owner].index(body)].CopyFrom(graph)


class _NamesInUse:
    """Names of functions, calls and parameters, in use or to use, over all bodies of a model."""

    def __init__(self, analysis: Analysis, functions: NamesOfCalls) -> None:
        self.analysis = analysis
        self.functions = functions
        self.nodes = set(analysis.graph.names)
        self.spelled_long = any(domain == LONG for domain, _ in set(analysis.graph.operators))
        self.parameters: dict[str, list[ModulePath]] = {}
        wholes = {claim.initializer: claim.stored_as for claim in analysis.parameters if claim.stored_as}
        for module in analysis.tree:
            for parameter in module.parameters:
                name = wholes.get(parameter.initializer) or module.path.child(parameter.name)
                self.parameters.setdefault(parameter.initializer, []).append(name)
        self.module_order = {module.path: order for order, module in enumerate(analysis.tree)}


class _BodyEmission:
    """Writer of the functions and calls of one body, innermost first, then of the body itself."""

    def __init__(self, names: _NamesInUse, plan: GroupingPlan, replaced: Mapping[int, NodeProto]) -> None:
        self.names = names
        self.index = plan.view.graph
        self.proto = self.index.model.graph
        self.nodes = [replaced.get(n, node) for n, node in enumerate(self.index.nodes)]
        self.regions, self.order, self.boundaries = plan.regions, plan.order, plan.boundaries
        self.inputs = plan.view.inputs
        self.types = plan.types
        self.calls: dict[int, NodeProto] = {}
        self.infos: dict[str, list[int]] = {}
        for place, info in enumerate(self.proto.value_info):
            self.infos.setdefault(info.name, []).append(place)

    def functions(self) -> list[FunctionProto]:
        """Return the functions, innermost first."""
        chains = self.regions.chains()
        innermost_first = sorted(range(len(chains)), key=lambda number: (-len(chains[number]), number))
        return [self._function(n) for n in innermost_first if n != TOP and self.order[n]]

    def graph(self) -> GraphProto:
        """Return the graph body with its calls, and with their record if it has any itself."""
        made = GraphProto()
        made.CopyFrom(self.proto)
        del made.input[self.inputs :]
        record = self.rewrite(made)
        if self.calls:
            metadata.write(made, record)
        return made

    def _function(self, number: int) -> FunctionProto:
        region, boundary = self.regions.regions[number], self.boundaries[number]
        module = self.names.analysis.tree[region.module]
        function = FunctionProto()
        function.domain, function.name = self.names.functions.of(region, module)
        values = self.index.value_names
        parameters = self._parameters(region, boundary)
        function.input.extend(self._inputs(boundary, parameters))
        function.output.extend(values[value] for value in boundary.outputs)
        function.node.extend(self._body(number))
        self._import(function)
        formal = {*function.input}
        written = [name for node in function.node for name in node.output if name not in formal]
        known = [place for name in written for place in self.infos.get(name, ())]
        function.value_info.extend(self.proto.value_info[place] for place in known)
        function.value_info.extend(self.types[name] for name in written if name in self.types)
        function.doc_string = f"Call {region.call} of module {region.module}"
        infos = {tags.INFOS: ranges(known)} if known else {}
        entry = {tags.PARAMETERS: json.dumps(parameters, ensure_ascii=False)} if parameters else {}
        metadata.write(function, {**_entries(region, module), **entry, **infos})
        self.calls[number] = self._call(number, function, module)
        return function

    def _import(self, function: FunctionProto) -> None:
        """Import the opsets of a function, the default domain as ''; functions accept no other spelling."""
        for node in function.node if self.names.spelled_long else ():
            if numbers := spell_short(node):
                metadata.write(node, {tags.SPELLED: ranges(numbers)})
        for each in {canonical(each.domain): each for each in self.index.model.opset_import}.values():
            function.opset_import.append(each)
            if each.domain == LONG:
                function.opset_import[-1].domain = ""
        import_domains(function, set(domains_of(function.node)))

    def _inputs(self, boundary: Interface, parameters: Collection[str]) -> list[str]:
        """Return the inputs of a function: activations, then parameters, then other stored tensors."""
        graph = self.index
        given = [graph.value_names[v] for v in boundary.inputs if v not in graph.initializers]
        stored = [graph.value_names[v] for v in boundary.inputs if v in graph.initializers]
        given = [name for name in given if name not in parameters]
        return [*given, *parameters, *(name for name in stored if name not in parameters)]

    def _parameters(self, region: Region, boundary: Interface) -> dict[str, str]:
        """Map inputs that are parameters of a region's module to names relative to it, in module order."""
        graph = self.index
        found: list[tuple[int, str, ModulePath]] = []
        for value in boundary.inputs:
            tied = self.names.parameters.get(graph.value_names[alias_of(graph, value)], ())
            own = next((path for path in tied if region.module.holds(path)), None)
            if own is not None:
                found.append((self.names.module_order[own.parent or ROOT], graph.value_names[value], own))
        found.sort(key=lambda each: each[0])  # stable: within a module, file order
        return {name: own.relative_to(region.module) for _, name, own in found}

    def _body(self, number: int) -> list[NodeProto]:
        return [self.calls[n] if is_region else self.nodes[n] for is_region, n in self.order[number]]

    def _call(self, number: int, function: FunctionProto, module: Module) -> NodeProto:
        region = self.regions.regions[number]
        call = NodeProto(op_type=function.name, domain=function.domain)
        base = call_name = scope_of_call(region.module, region.call)
        attempt = 0
        while call_name in self.names.nodes:
            attempt += 1
            call_name = f"{base}/{function.name}" + (f"_{attempt}" if attempt > 1 else "")
        self.names.nodes.add(call_name)
        call.name = call_name
        call.input.extend(function.input)
        call.output.extend(function.output)
        own = [n for is_region, n in self.order[number] if not is_region]
        metadata.write(call, {**_entries(region, module), tags.ORDER: ranges(own)})
        return call

    def rewrite(self, graph: GraphProto) -> dict[str, str]:
        """Replace the nodes of the body by those outside of functions and the calls.

        Args:
            graph: the body, or a copy of it.

        Returns:
            The metadata from which `flatten` restores the order of its nodes and `value_info`.
        """
        own = [n for is_region, n in self.order[TOP] if not is_region]
        # Copied before the list is cleared, which would clear its nodes too.
        body = [NodeProto.FromString(node.SerializeToString()) for node in self._body(TOP)]
        # Names of values that moved into functions. Graph bodies and functions may define the same names.
        inside = {name for n in graph.node for name in n.output} - {name for n in body for name in n.output}
        left = []
        for position in reversed(range(len(graph.value_info))):
            if graph.value_info[position].name in inside:
                del graph.value_info[position]
            else:
                left.append(position)
        del graph.node[:]
        graph.node.extend(body)
        written = {name for node in body for name in node.output}
        graph.value_info.extend(info for name, info in self.types.items() if name in written)
        infos = {tags.INFOS: ranges(left[::-1])} if self.infos else {}
        return {tags.ORDER: ranges(own), **infos}


def _entries(region: Region, module: Module) -> dict[str, str]:
    return {tags.MODULE: str(region.module), tags.CALL: str(region.call), **class_entries(module)}
