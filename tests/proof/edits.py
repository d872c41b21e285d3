"""Edits that change nothing a model computes, whatever they look like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, helper

Body = GraphProto | FunctionProto

_DRAWING = frozenset({"RandomNormalLike", "RandomUniformLike", "RandomNormal", "RandomUniform", "Bernoulli"})


def graphs_in(nodes: Iterable[NodeProto]) -> Iterator[GraphProto]:
    """The graph attributes of nodes, those inside others too."""
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield attribute.g
                yield from graphs_in(attribute.g.node)


def read_by(node: NodeProto) -> list[str]:
    """The names that a node mentions, those in its bodies too, in order and without repeats."""
    names = dict.fromkeys(node.input)
    for graph in graphs_in([node]):
        names |= dict.fromkeys(name for inner in graph.node for name in inner.input)
        names |= dict.fromkeys(info.name for info in graph.output)
    names.pop("", None)
    return list(names)


def bodies(model: ModelProto) -> list[Body]:
    tops: list[Body] = [model.graph, *model.functions]
    return [body for top in tops for body in (top, *graphs_in(top.node))]


def rename_everything(model: ModelProto, rng: np.random.Generator) -> None:
    """New names for all values but the inputs and outputs of the model, for nodes, graphs and tensors."""
    kept = {info.name for info in (*model.graph.input, *model.graph.output)} | {""}
    names: dict[str, str] = {}

    def new(name: str) -> str:
        return name if name in kept else names.setdefault(name, f"{int(rng.integers(10**6))}/{len(names)}")

    count = 0
    for body in bodies(model):
        for node in body.node:
            node.input[:], node.output[:] = map(new, node.input), map(new, node.output)
            node.name, count = f"n{count}", count + 1
        if isinstance(body, FunctionProto):
            body.input[:], body.output[:] = map(new, body.input), map(new, body.output)
            continue
        body.name = "renamed"
        del body.value_info[:]
        for info in (*body.input, *body.output):
            info.name = new(info.name)
        for tensor in (*body.initializer, *(sparse.values for sparse in body.sparse_initializer)):
            tensor.name = new(tensor.name)


def insert_identities(model: ModelProto, rng: np.random.Generator) -> None:
    """An Identity before every third input."""
    count = 0
    for body in bodies(model):
        nodes = list(body.node)
        del body.node[:]
        for node in nodes:
            for position, name in enumerate(node.input):
                if name and rng.random() < 1 / 3:
                    count += 1
                    body.node.append(helper.make_node("Identity", [name], [f"identity/{count}"]))
                    node.input[position] = f"identity/{count}"
            body.node.append(node)


def sort_anew(model: ModelProto, rng: np.random.Generator) -> None:
    """Another topological order of every body; nodes that draw random numbers keep theirs."""
    for body in bodies(model):
        nodes = list(body.node)
        order = _random_order(nodes, rng)
        del body.node[:]
        body.node.extend([nodes[number] for number in order])


def _random_order(nodes: list[NodeProto], rng: np.random.Generator) -> list[int]:
    producer = {name: number for number, node in enumerate(nodes) for name in node.output if name}
    waiting: list[set[int]] = []
    last: set[int] = set()
    for number, node in enumerate(nodes):
        needed = {producer[name] for name in read_by(node) if name in producer}
        waiting.append(needed - {number} | last)
        inside = [each for graph in graphs_in([node]) for each in graph.node]
        if any(each.op_type in _DRAWING or each.domain for each in (node, *inside)):
            last = {number}
    order: list[int] = []
    rank = rng.permutation(len(nodes))
    readers: dict[int, list[int]] = {}
    for number, needed in enumerate(waiting):
        for each in needed:
            readers.setdefault(each, []).append(number)
    ready = [number for number, needed in enumerate(waiting) if not needed]
    while ready:
        number = ready.pop(int(np.argmin([rank[each] for each in ready])))
        order.append(number)
        for reader in readers.get(number, ()):
            waiting[reader].discard(number)
            if not waiting[reader]:
                ready.append(reader)
    assert len(order) == len(nodes)
    return order


def constants_to_initializers(model: ModelProto, rng: np.random.Generator) -> None:
    del rng
    for body in bodies(model):
        if isinstance(body, FunctionProto):
            continue
        for node in [n for n in body.node if n.op_type == "Constant" and n.attribute[0].name == "value"]:
            body.initializer.add().CopyFrom(node.attribute[0].t)
            body.initializer[-1].name = node.output[0]
            body.node.remove(node)


def initializers_to_constants(model: ModelProto, rng: np.random.Generator) -> None:
    """All but the defaults of inputs; small external ones too, which ONNX allows."""
    for body in bodies(model):
        if isinstance(body, FunctionProto):
            continue
        inputs = {info.name for info in body.input}
        for tensor in [each for each in body.initializer if each.name not in inputs]:
            value = TensorProto()
            value.CopyFrom(tensor)
            value.name = f"{int(rng.integers(10**6))}"
            body.node.insert(0, helper.make_node("Constant", [], [tensor.name], value=value))
            body.initializer.remove(tensor)


def outline(model: ModelProto, rng: np.random.Generator) -> None:
    """Runs of up to eight nodes of the main graph as functions, with what they read as inputs."""
    nodes = list(model.graph.node)
    given = {info.name for info in model.graph.input} | {tensor.name for tensor in model.graph.initializer}
    given |= {sparse.values.name for sparse in model.graph.sparse_initializer}
    imports = list(model.opset_import)
    model.opset_import.append(helper.make_opsetid("outlined", 1))
    del model.graph.node[:]
    while nodes:
        run, nodes = nodes[: (size := int(rng.integers(1, 9)))], nodes[size:]
        made = {name for node in run for name in node.output if name}
        inputs = dict.fromkeys(name for node in run for name in read_by(node) if name in given - made)
        given |= made
        name = f"run{len(model.functions)}"
        arguments = (list(inputs), sorted(made))
        model.functions.append(helper.make_function("outlined", name, *arguments, run, imports))
        model.graph.node.append(helper.make_node(name, *arguments, domain="outlined"))


EDITS: tuple[Callable[[ModelProto, np.random.Generator], None], ...] = (
    rename_everything,
    insert_identities,
    sort_anew,
    constants_to_initializers,
    initializers_to_constants,
    outline,
)
