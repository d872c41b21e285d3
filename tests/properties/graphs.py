"""Whole random models: nested modules with equal layers and repeated calls, and what spoils them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import onnx
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto, TensorProto, helper

from rewriter.passes.functions.value_names import rename
from tests.proof.edits import read_by
from tests.properties.steps import SHAPE, STEPS
from tests.properties.tracing import STYLES, Tracer

OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1), helper.make_opsetid("odd", 1)]
_NAMES = ("a", "b", "layer.0", "layer.1", "layer.2", "act", "blocks.0", "odd name", "b.a")


@dataclass(frozen=True)
class Layer:
    """What a class of modules does: (index into STEPS, variant) or (name, class of a child), in order."""

    steps: tuple[tuple[int, int] | tuple[str, int], ...]


def draw_model(rng: Random, *, runnable: bool = False) -> ModelProto:
    """A model that passes the checker with full inference, and that onnxruntime runs where asked for."""
    t = Tracer(rng, rng.choice(STYLES), rng.randrange(3) < 2)
    steps = len(STEPS) - 1 if runnable else len(STEPS)
    layers: list[Layer] = []
    for number in range(1 + rng.randrange(4)):
        layers.append(_draw_layer(rng, number, steps))
    top = _draw_layer(rng, len(layers), steps, top=True)
    result = _run(t, layers, top, "x")
    _spoil(t)
    t.sign()
    return _assemble(t, result)


def models(*, runnable: bool = False) -> st.SearchStrategy[ModelProto]:
    """Random models; hypothesis makes every draw, so it can shrink them."""
    return st.randoms(use_true_random=False).map(lambda rng: draw_model(rng, runnable=runnable))


def _draw_layer(rng: Random, known: int, most: int, *, top: bool = False) -> Layer:
    """One of the classes; it may hold children of the classes before it."""
    steps: list[tuple[int, int] | tuple[str, int]] = []
    for _ in range(1 + rng.randrange(5)):
        if known and rng.randrange(2):
            steps.append((rng.choice(_NAMES), rng.randrange(known)))
        else:
            steps.append((rng.randrange(most), rng.randrange(6)))
    if top and not any(isinstance(what, str) for what, _ in steps):
        steps.append(("a", known - 1))
    return Layer(tuple(steps))


def _run(t: Tracer, layers: list[Layer], layer: Layer, h: str) -> str:
    """Trace one call."""
    classes: dict[str, int] = {}
    for what, which in layer.steps:
        if isinstance(what, int):
            h = STEPS[what](t, h, which)
        elif len(t.nodes) < 40:
            with t.call(what, h):
                h = _run(t, layers, layers[classes.setdefault(what, which)], h)
    return h


def _spoil(t: Tracer) -> None:
    """Take the module from some nodes, give others to another module, and put all in another order."""
    known = [place for place in t.places if place is not None]
    if known and t.chance(2):
        for node, place in enumerate(t.places):
            if place is not None and t.chance(5):
                t.places[node] = None if t.chance(3) else t.rng.choice(known)
    if t.chance(4):
        order = _topological(t.nodes, t.rng)
        t.nodes, t.places = [t.nodes[n] for n in order], [t.places[n] for n in order]


def _topological(nodes: Sequence[NodeProto], rng: Random) -> list[int]:
    producer = {name: number for number, node in enumerate(nodes) for name in node.output if name}
    sources = [{producer[name] for name in read_by(node) if name in producer} for node in nodes]
    order: list[int] = []
    left = list(range(len(nodes)))
    while left:
        ready = [number for number in left if sources[number].issubset(order)]
        order.append(rng.choice(ready))
        left.remove(order[-1])
    return order


def _assemble(t: Tracer, result: str) -> ModelProto:
    if result in t.results or result == "x":
        result = t.write(helper.make_node("Neg", [result], []), 1, None)[0]
    names = {"x": "input", result: "output"} if t.chance(3) else {}
    for node in t.nodes:
        rename(node, names)
    results = {names.get(name, name): dims for name, dims in {**t.results, result: SHAPE}.items()}
    inputs: dict[str, tuple[int, Sequence[int]]] = {names.get("x", "x"): (TensorProto.FLOAT, SHAPE)}
    inputs |= {"m": (TensorProto.BOOL, SHAPE), "c": (TensorProto.BOOL, ())}
    inputs |= {name: (tensor.data_type, tensor.dims) for name, tensor in t.tensors.items() if t.chance(20)}
    graph = helper.make_graph(
        t.nodes,
        "g",
        [helper.make_tensor_value_info(name, *kind) for name, kind in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in results.items()],
        list(t.tensors.values()),
    )
    functions = [function for function in _foreign(t) if function.name in t.foreign]
    model = helper.make_model(graph, opset_imports=OPSETS, ir_version=8, functions=functions)
    _infer(t, model)
    return model


def _foreign(t: Tracer) -> list[onnx.FunctionProto]:
    """Two functions of somebody else; what they call their values is their own affair."""
    inner = t.rng.choice(["t", *t.tensors])
    nodes = [helper.make_node("Neg", ["p"], [inner]), helper.make_node("Add", [inner, "q"], ["r"])]
    drawing = [helper.make_node("RandomNormalLike", ["p"], [inner], seed=1.0), nodes[1]]
    return [
        helper.make_function("mine", name, ["p", "q"], ["r"], body, OPSETS[:1])
        for name, body in (("pair", nodes), ("draw", drawing))
    ]


def _infer(t: Tracer, model: ModelProto) -> None:
    """Say of some values in between what they are."""
    if t.chance(2):
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
        infos = [info for info in inferred.value_info if not t.chance(3)]
        infos += [
            helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            for tensor in t.tensors.values()
            if t.chance(3)
        ]
        model.graph.value_info.extend(infos)
