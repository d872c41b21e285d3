"""Statistics of a model: operators, patterns of parameters, scopes, inputs and outputs of modules, FLOPs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from onnx import GraphProto

from rewriter.basics.display import Display, counted
from rewriter.evidence.claims import InitializerSlice
from rewriter.evidence.names.scope_grammar import scope_of_node_name
from rewriter.evidence.roles import Role
from rewriter.insight.figures import Figures, measure, operator_of
from rewriter.insight.torch_counts import differences
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module, Tensor
from rewriter.paths import ROOT, ModulePath
from rewriter.regions.boundary import find_boundaries
from rewriter.regions.region_tree import find_regions
from rewriter.runtime.infer.shapes import Shapes, demand_dimensions, infer_shapes, open_sizes
from rewriter.runtime.inputs.signature import Known


@dataclass(frozen=True, slots=True)
class Port:
    """Input or output of the model or of a module.

    Attributes:
        name: name of the value.
        known: its type and shape; None if unknown.
    """

    name: str
    known: Known | None


UNNAMED = "(unnamed)"
"""Placeholder for an unknown name of a parameter."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Group of parameters whose paths differ only in parts that are numbers.

    Attributes:
        name: the path with `*` for every such part: `encoder.layer.*.query.weight`.
        times: number of parameters.
        shapes: their shapes, each once.
        dtypes: their element types, each once.
        count: total number of elements, without tensors that stand in an earlier module (`shared`).
        size: total number of bytes, without these tensors.
    """

    name: str
    times: int
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    count: int
    size: int
    shared: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Stats(Display):
    """Statistics of one model.

    Attributes:
        analysis: the model.
        nodes: number of all nodes, including those in graph bodies and functions.
        initializers: number of all initializers, including those in graph bodies.
        scoped: number of nodes with a scope in their name.
        operators: operator -> number of nodes, most frequent first.
        patterns: groups of parameters, in tree order.
        figures: module -> its figures, in tree order.
        boundaries: module -> inputs (without initializers) and outputs of its first call in the main graph;
            the root has those of the model. Modules without a call in the main graph are missing.
        flops: FLOPs of all nodes where they are known.
        unknown: reason for unknown FLOPs -> number of nodes, most frequent first.
        fault: the reason why shapes could not be inferred; None if they were.
        mend: a way to make more FLOPs known, as the end of a sentence; empty if there is none.
        torch: reasons why PyTorch counts other parameters than the file has.
        types: number of a value -> its type and shape, where they are known.
        node_flops: node -> its FLOPs, or the reason why they are unknown.
    """

    analysis: Analysis
    nodes: int
    initializers: int
    scoped: int
    operators: Mapping[str, int]
    patterns: tuple[Pattern, ...]
    figures: Mapping[ModulePath, Figures]
    boundaries: Mapping[ModulePath, tuple[tuple[Port, ...], tuple[Port, ...]]]
    flops: int
    unknown: Mapping[str, int]
    fault: str | None
    mend: str = ""
    torch: tuple[str, ...] = ()
    types: Mapping[int, Known] = field(default_factory=dict)
    node_flops: Sequence[int | str] = ()

    def _brief(self) -> str:
        nodes, initializers = counted(self.nodes, "node"), counted(self.initializers, "initializer")
        return f"{nodes}, {initializers}, {self.flops:,} FLOPs known"


def collect(analysis: Analysis, sizes: Mapping[str, int] | None = None) -> Stats:
    """Collect the statistics of a model.

    Args:
        analysis: the model.
        sizes: symbolic dimension -> size, so that shapes and FLOPs become known.

    Raises:
        UsageError: the model has no symbolic dimension of a given name.
    """
    sizes = sizes or {}
    demand_dimensions(analysis.model, sizes, analysis.path)
    shapes = infer_shapes(analysis.model, sizes)
    figures, node_flops = measure(analysis, shapes)
    graph = analysis.graph
    known = [flops for flops in node_flops if isinstance(flops, int)]
    reasons = Counter(flops for flops in node_flops if isinstance(flops, str))
    bodies = [body.proto for body in graph.bodies if isinstance(body.proto, GraphProto)]
    operators = Counter(operator_of(node) for node in graph.nodes)
    return Stats(
        analysis=analysis,
        nodes=len(graph.nodes),
        initializers=sum(len(body.initializer) + len(body.sparse_initializer) for body in bodies),
        scoped=sum(scope_of_node_name(node.name) is not None for node in graph.nodes),
        operators=_most_first(operators),
        patterns=patterns_of(analysis),
        figures=figures,
        boundaries=_boundaries(analysis, shapes),
        flops=sum(known),
        unknown=_most_first(reasons),
        fault=shapes.fault,
        mend=open_sizes(analysis.model, sizes) if reasons else "",
        torch=differences(analysis),
        types=shapes.of,
        node_flops=node_flops,
    )


def _most_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def patterns_of(analysis: Analysis) -> tuple[Pattern, ...]:
    """Group the parameters whose paths differ only in parts that are numbers, in tree order."""
    found: dict[str, list[Tensor]] = {}
    first: dict[tuple[int, InitializerSlice | None], ModulePath] = {}
    shared: Counter[str] = Counter()
    for module in analysis.tree:
        names = {(each.initializer, each.part): each.name for each in module.parameters}
        rank = {held: number for number, held in enumerate(names)}
        for tensor in sorted(module.tensors, key=lambda each: rank.get((each.name, each.part), len(rank))):
            if tensor.role is Role.PARAMETER and tensor.count:
                name = fold(module.path.child(names.get((tensor.name, tensor.part), UNNAMED)))
                again = first.setdefault((tensor.value, tensor.part), module.path) != module.path
                shared[name] += again
                found.setdefault(name, []).append(tensor._replace(count=0, size=0) if again else tensor)
    return tuple(_pattern(name, tensors, shared[name]) for name, tensors in found.items())


def _pattern(name: str, tensors: Sequence[Tensor], shared: int) -> Pattern:
    return Pattern(
        name,
        len(tensors),
        tuple(dict.fromkeys(tensor.shape for tensor in tensors)),
        tuple(dict.fromkeys(tensor.dtype for tensor in tensors)),
        sum(tensor.count for tensor in tensors),
        sum(tensor.size for tensor in tensors),
        shared,
    )


def fold(path: ModulePath) -> str:
    """Replace parts of a path that are numbers by `*`: `layer.0.query` becomes `layer.*.query`."""
    return ".".join("*" if atom.isdecimal() else atom for atom in path.atoms)


def _boundaries(
    analysis: Analysis, shapes: Shapes
) -> dict[ModulePath, tuple[tuple[Port, ...], tuple[Port, ...]]]:
    graph = analysis.graph

    def port(value: int) -> Port:
        return Port(graph.value_names[value], shapes.of.get(value))

    main = graph.bodies[0]
    inputs = (main.values[info.name] for info in analysis.model.graph.input)
    fed = tuple(port(value) for value in inputs if value not in graph.initializers)
    found = {ROOT: (fed, tuple(port(value) for value in main.results if value >= 0))}
    regions = find_regions(graph, analysis.tree, _owns_nodes)
    for region, boundary in zip(regions.regions, find_boundaries(graph, regions), strict=True):
        if region.module and region.module not in found:
            taken = tuple(port(value) for value in boundary.inputs if value not in graph.initializers)
            found[region.module] = (taken, tuple(map(port, boundary.outputs)))
    return found


def _owns_nodes(module: Module) -> bool:
    return module.total_nodes > 0
