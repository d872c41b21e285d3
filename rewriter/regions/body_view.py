"""Views of bodies: the main graph, or a graph body of If, Loop or Scan, as the main graph of an index.

A call never spans two bodies, so the regions of each body are found, ordered and emitted by themselves. In
the view of a graph body, the values that it captures are inputs, or initializers if they are that outside.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from onnx import FunctionProto, GraphProto, ModelProto

from rewriter.evidence.claims import Claim
from rewriter.model.index.cycles import captured_by
from rewriter.model.index.functions import body_roots, called_by, identity_of
from rewriter.model.index.graph import NONE, GraphIndex, nodes_within
from rewriter.model.operator_set.late_types import all_late_values
from rewriter.modules.analysis import Analysis
from rewriter.modules.module_tree import Placement
from rewriter.paths import ROOT, ModulePath
from rewriter.regions.stated_types import counted_values


@dataclass(frozen=True, slots=True)
class BodyView:
    """A body as the main graph of an index.

    Attributes:
        body: number of the body in the index of the model.
        graph: the index of the view. Bodies inside have other numbers than in the index of the model.
        first: number, in the index of the model, of the view's first node.
        inputs: number of inputs of the body; further inputs of the view stand for captured values.
        placements: node of the view -> its placement; nodes of functions are left out.
        claims: node of the view -> every claim on it; nodes of functions are left out.
        modules_around: the modules of the nodes whose bodies contain this one. In the body, nodes of these
            modules and of their parents belong to the calls around it.
        call: the module and call of the node with the body; the root for the main graph.
        late: the captured values of late types, also initializers.
        stated: the captured values that may depend on values whose type is stated outside.
        counted: the results of the body on which a Loop or Scan depends that needs stated types.
    """

    body: int
    graph: GraphIndex
    first: int
    inputs: int
    placements: Sequence[Placement | None]
    claims: Sequence[tuple[Claim, ...]]
    modules_around: Collection[ModulePath] = (ROOT,)
    call: tuple[ModulePath, int] = (ROOT, 0)
    late: Collection[int] = ()
    stated: Collection[int] = ()
    counted: Collection[int] = ()

    def is_around(self, module: ModulePath) -> bool:
        """Whether the call of a module that has nodes in this body also has the node with the body."""
        return any(module.holds(each) for each in self.modules_around)


@dataclass(frozen=True, slots=True)
class Outside:
    """Values of a model that need care where bodies capture or return them.

    Attributes:
        late: values of late types.
        counted: values on which a Loop or Scan depends that needs stated types.
    """

    late: Collection[int]
    counted: Collection[int]


def main_view(analysis: Analysis) -> BodyView:
    """Return the view of the main graph."""
    placements, claims = analysis.tree.placements, analysis.claims
    inputs = len(analysis.model.graph.input)
    return BodyView(0, analysis.graph, first=0, inputs=inputs, placements=placements, claims=claims)


def extents_of(graph: GraphIndex) -> list[range]:
    """Return, for each body, the numbers of its nodes, with those in bodies inside; none for functions."""
    first: dict[int, int] = {}
    for node, body in enumerate(graph.body_of):
        first.setdefault(body, node)
    counts = [0] * len(graph.bodies)
    for body in graph.body_of:
        counts[body] += 1
    for number in reversed(range(len(graph.bodies))):
        if (outer := graph.bodies[number].outer) != NONE:
            counts[outer] += counts[number]
    return [
        range(0)
        if body.function or number not in first
        else range(first[number], first[number] + counts[number])
        for number, body in enumerate(graph.bodies)
    ]


def body_view(analysis: Analysis, body: int, nodes: range, outside: Outside) -> BodyView:
    """Return the view of a graph body.

    Args:
        analysis: the model.
        body: number of the body.
        nodes: its nodes, see `extents_of`.
        outside: values of the model that need care.
    """
    graph, placements = analysis.graph, analysis.tree.placements
    owner, outer = graph.bodies[body].owner, graph.bodies[body].outer
    owners = [placements[node] for node in (owner, *graph.enclosing(owner))]
    nearest = next(filter(None, owners), None)
    view, captured = _captures(graph, body)
    states = any(graph.bodies[each].proto.value_info for each in _bodies_around(graph, outer))
    results = zip(view.bodies[0].results, graph.bodies[body].results, strict=True)
    return BodyView(
        body,
        view,
        first=nodes.start,
        inputs=len(graph.bodies[body].proto.input),
        placements=placements[nodes.start : nodes.stop],
        claims=[analysis.claims[node] for node in nodes],
        modules_around={ROOT, *(place.module for place in owners if place)},
        call=(nearest.home or (nearest.module, nearest.call)) if nearest else (ROOT, 0),
        late={value for value, original in captured.items() if original in outside.late},
        stated=captured.keys() - view.initializers.keys() if states else (),
        counted={value for value, original in results if original in outside.counted},
    )


def _captures(graph: GraphIndex, body: int) -> tuple[GraphIndex, dict[int, int]]:
    """Return the index of a view, and captured value in it -> value of the model."""
    view = GraphIndex(_body_model(graph, body))
    own, outer = graph.bodies[body].values, graph.bodies[body].outer
    names = (name for name in view.bodies[0].values if name not in own)
    captured = {view.bodies[0].values[name]: graph.value(name, outer) for name in names}
    for value, original in captured.items():
        if (tensor := graph.initializers.get(original)) is not None:
            view.initializers[value] = tensor
    return view, captured


def views_of(analysis: Analysis) -> Iterator[BodyView]:
    """Yield the views of the graph bodies that hold placed nodes, inner ones first, then of the main graph.

    Graph bodies in local functions are left out.
    """
    graph, roots = analysis.graph, body_roots(analysis.graph)
    placed = {graph.body_of[n] for n, place in enumerate(analysis.tree.placements) if place is not None}
    around = {outer for body in placed if roots[body] == 0 for outer in _bodies_around(graph, body)} - {0}
    if around:
        extents, outside = extents_of(graph), Outside(all_late_values(graph), counted_values(graph))
        for body in sorted(around, reverse=True):
            yield body_view(analysis, body, extents[body], outside)
    yield main_view(analysis)


def _bodies_around(graph: GraphIndex, body: int) -> Iterator[int]:
    """Yield a body and the bodies around it, the main graph or a function last."""
    while body != NONE:
        yield body
        body = graph.bodies[body].outer


def _body_model(graph: GraphIndex, body: int) -> ModelProto:
    """Return a model of a graph body, with captured values as further inputs, and the functions it calls."""
    proto = graph.bodies[body].proto
    assert isinstance(proto, GraphProto)
    model = ModelProto(ir_version=graph.model.ir_version, opset_import=graph.model.opset_import)
    model.graph.CopyFrom(proto)
    for name in dict.fromkeys(filter(None, captured_by(proto))):
        model.graph.input.add(name=name)
    model.functions.extend(_called(graph.model, proto))
    return model


def _called(model: ModelProto, body: GraphProto) -> Iterator[FunctionProto]:
    """Yield the functions that a body calls, directly or through others."""
    left = {identity_of(function): function for function in model.functions}
    waiting = [*body.node] if left else []
    while waiting:
        for node in nodes_within([waiting.pop()]):
            if (function := left.pop(called_by(node), None)) is not None:
                yield function
                waiting += function.node
