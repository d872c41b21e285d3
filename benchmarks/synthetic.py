"""Makes large layered graphs by repeating the second layer of an exported fixture.

So names, metadata and values that the exporter shares between layers are authentic at any size.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import ModelProto, NodeProto

from benchmarks.exporting import FIXTURES
from rewriter import pipeline
from rewriter.paths import ModulePath

LAYERS = ModulePath("model.model.layers")
_WEIGHT = 64
"""Minimum elements of an initializer to be repeated for every layer; smaller ones stay shared."""


@dataclass(frozen=True, slots=True)
class Layered:
    """Graph with two layers, and the parts of its second layer.

    Attributes:
        model: the whole model.
        layer: positions of the nodes of the second layer.
        entry: the value that the second layer reads from the first.
        result: the value that later nodes read from the second layer.
    """

    model: ModelProto
    layer: tuple[int, ...]
    entry: str
    result: str


def two_layers(variant: str, family: str = "llama") -> Layered:
    """Load a fixture with two layers in a variant (`ts_dyn`, `dy_dyn` ...); "mixtral" has experts in each."""
    model = onnx.load(FIXTURES / family / f"{variant}.onnx")
    first, second = (_nodes_of(model, LAYERS.child(str(number))) for number in (0, 1))
    found = Layered(
        model, tuple(second), model.graph.node[first[-1]].output[0], model.graph.node[second[-1]].output[0]
    )
    written = {name for position in second for name in model.graph.node[position].output}
    rest = (node for position, node in enumerate(model.graph.node) if position not in set(second))
    assert {name for node in rest for name in node.input} & written == {found.result}
    return found


def _nodes_of(model: ModelProto, module: ModulePath) -> list[int]:
    placements = pipeline.load(model).tree.placements
    return [node for node, place in enumerate(placements) if place and module.holds(place.module)]


def layered(pattern: Layered, nodes: int) -> ModelProto:
    """Make a graph of about `nodes` nodes."""
    count = max((nodes - len(pattern.model.graph.node)) // len(pattern.layer), 0)
    model = ModelProto()
    model.CopyFrom(pattern.model)
    graph, original = model.graph, pattern.model.graph
    own = _own_tensors(pattern)
    head = original.node[: pattern.layer[-1] + 1]
    tail = original.node[pattern.layer[-1] + 1 :]
    infos = {info.name: info for info in original.value_info}
    block = [original.node[position] for position in pattern.layer]
    del graph.node[:]
    graph.node.extend(head)
    entry = pattern.result
    for number in range(2, count + 2):
        names = {name: _named(name, number) for node in block for name in node.output}
        names |= {tensor.name: _named(tensor.name, number) for tensor in own}
        for tensor in own:
            graph.initializer.add().CopyFrom(tensor)
            graph.initializer[-1].name = names[tensor.name]
        for name in names.keys() & infos.keys():
            graph.value_info.add().CopyFrom(infos[name])
            graph.value_info[-1].name = names[name]
            for record in graph.value_info[-1].metadata_props:  # the parameters of a folded weight
                record.value = _moved(record.value, number)
        for node in block:
            _write(graph.node.add(), node, {**names, pattern.entry: entry}, number)
        entry = names[pattern.result]
    for node in tail:
        _write(graph.node.add(), node, {pattern.result: entry}, 1)
    return model


def save_with_data(model: ModelProto, path: Path) -> int:
    """Write a model with external weights; return the bytes of the file without them."""
    data = path.with_suffix(".data")
    data.unlink(missing_ok=True)  # otherwise onnx appends to it
    onnx.save(model, path, save_as_external_data=True, location=data.name, size_threshold=_WEIGHT)
    return path.stat().st_size


def _own_tensors(pattern: Layered) -> list[onnx.TensorProto]:
    graph = pattern.model.graph
    read = {name for position in pattern.layer for name in graph.node[position].input}
    large = [tensor for tensor in graph.initializer if onnx.numpy_helper.to_array(tensor).size >= _WEIGHT]
    named = [tensor for tensor in graph.initializer if tensor.name.startswith(LAYERS.child("1"))]
    return [tensor for tensor in graph.initializer if tensor.name in read and tensor in (*large, *named)]


def _named(name: str, number: int) -> str:
    other = _moved(name, number)
    return other if other != name else f"{name}_{number}"


def _moved(text: str, number: int) -> str:
    return text.replace("layers.1", f"layers.{number}")


def _write(node: NodeProto, original: NodeProto, names: dict[str, str], number: int) -> None:
    node.CopyFrom(original)
    node.name = _named(original.name, number) if number > 1 else original.name
    for field in (node.input, node.output):
        for position, name in enumerate(field):
            if name in names:
                field[position] = names[name]
    for entry in node.metadata_props:
        entry.value = _moved(entry.value, number)


def shuffled(model: ModelProto, seed: int = 0) -> ModelProto:
    """Return the model with its nodes in a random topological order."""
    draw = random.Random(seed)
    nodes = list(model.graph.node)
    producer = {name: position for position, node in enumerate(nodes) for name in node.output}
    sources = [{producer[name] for name in node.input if name in producer} for node in nodes]
    readers: list[list[int]] = [[] for _ in nodes]
    for position, found in enumerate(sources):
        for source in found:
            readers[source].append(position)
    waiting = [len(found) for found in sources]
    ready = [(draw.random(), position) for position, count in enumerate(waiting) if not count]
    heapq.heapify(ready)
    other = ModelProto()
    other.CopyFrom(model)
    del other.graph.node[:]
    while ready:
        _, position = heapq.heappop(ready)
        other.graph.node.add().CopyFrom(nodes[position])
        for reader in readers[position]:
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(ready, (draw.random(), reader))
    assert len(other.graph.node) == len(nodes)
    return other


def merged(model: ModelProto) -> ModelProto:
    """Return the model with equal nodes merged into the first of them, as optimisers do."""
    other = ModelProto()
    other.CopyFrom(model)
    del other.graph.node[:]
    kept: dict[tuple[object, ...], NodeProto] = {}
    names: dict[str, str] = {}
    for original in model.graph.node:
        node = NodeProto()
        node.CopyFrom(original)
        node.input[:] = [names.get(name, name) for name in node.input]
        attributes = tuple(attribute.SerializeToString(deterministic=True) for attribute in node.attribute)
        first = kept.setdefault((node.domain, node.op_type, *node.input, "", *attributes), node)
        if first is node:
            other.graph.node.append(node)
        names.update(zip(node.output, first.output, strict=True))
    gone = {name for name, first in names.items() if name != first}
    infos = [info for info in other.graph.value_info if info.name not in gone]
    del other.graph.value_info[:]
    other.graph.value_info.extend(infos)
    return other
