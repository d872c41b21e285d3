"""Writes the values of an edited model: inputs, outputs, initializers, types and quantization annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy

import onnx_graphsurgeon as gs
from onnx import FunctionProto, GraphProto, SparseTensorProto, TensorAnnotation, TensorProto, ValueInfoProto
from onnx_graphsurgeon.exporters.onnx_exporter import OnnxExporter

from rewriter.adapters.graphsurgeon.constants import Held, exported, is_same
from rewriter.adapters.graphsurgeon.fields import fill
from rewriter.adapters.graphsurgeon.snapshot import (
    KnownBody,
    KnownTensor,
    Snapshot,
    name_of,
    tensors_in,
    type_of,
)
from rewriter.errors import UsageError


class Values:
    """Writes the values of graphs and functions.

    An original constant is written in the graph that defined it. A new constant, or one that moved out of
    this graph, is written in each outermost graph that reads it.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.constants: dict[int, list[gs.Constant]] = {}
        self.homes: dict[int, set[int]] = {}
        for root in (snapshot.graph, *snapshot.graph.functions):
            self._find_constants(root, ())

    def constants_of(self, graph: gs.Graph) -> Sequence[gs.Constant]:
        """Return the constants to write in a graph or function, in the order of their first reads.

        Reads in graph bodies count as later than all reads in the graph itself.
        """
        return self.constants.get(id(graph), ())

    def write(self, target: GraphProto, graph: gs.Graph) -> None:
        """Update the values of a graph whose nodes are already written."""
        body = self.snapshot.bodies.get(id(graph))
        inputs = {info.name: info for info in target.input}
        infos = {info.name: info for info in target.value_info}
        outputs = {info.name: info for info in target.output}
        self._write_initializers(target, graph, body)
        given = [self._info(tensor, inputs) for tensor in graph.inputs]
        fill(target.input, self._with_defaults(given, inputs, target))
        fill(target.output, [self._info(tensor, outputs) for tensor in graph.outputs])
        fill(target.value_info, self._infos(graph, body, infos))
        if graph is self.snapshot.graph:
            self._demand_types(graph)
        fill(target.quantization_annotation, self._annotations(target, body))

    def write_function(self, target: FunctionProto, function: gs.Function) -> None:
        """Update the values of a function."""
        for names, tensors in ((target.input, function.inputs), (target.output, function.outputs)):
            now = [tensor.name for tensor in tensors]
            if now != [*names]:
                names[:] = now
        infos = {info.name: info for info in target.value_info}
        if infos:
            fill(target.value_info, self._infos(function, self.snapshot.bodies.get(id(function)), infos))

    def _find_constants(self, graph: gs.Graph, outer: tuple[int, ...]) -> None:
        chain = (*outer, id(graph))
        for tensor in tensors_in(graph):
            if isinstance(tensor, gs.Constant):
                self._give_home(tensor, chain)
        for node in graph.nodes:
            for value in node.attrs.values():
                if isinstance(value, gs.Graph):
                    self._find_constants(value, chain)

    def _give_home(self, tensor: gs.Constant, chain: tuple[int, ...]) -> None:
        homes = self.homes.setdefault(id(tensor), set())
        if not homes.isdisjoint(chain):
            return
        known = self.snapshot.tensors.get(id(tensor))
        home = known.home if known is not None and known.home in chain else chain[-1]
        homes.add(home)
        self.constants.setdefault(home, []).append(tensor)

    def _known(self, tensor: gs.Tensor) -> KnownTensor | None:
        return self.snapshot.tensors.get(id(tensor))

    def _info(self, tensor: gs.Tensor, before: Mapping[str, ValueInfoProto]) -> ValueInfoProto:
        """Return the `ValueInfo` of a value: the original with the present name and type, else a new one."""
        known = self._known(tensor)
        original = before.get(known.name) if known else None
        if original is None or known is None:
            made: ValueInfoProto = OnnxExporter.export_value_info_proto(tensor, False)
            return made
        info = ValueInfoProto()
        info.CopyFrom(original)
        if info.name != tensor.name:
            info.name = tensor.name
        if not isinstance(tensor, gs.Constant) and type_of(tensor) != known.state:
            info.type.CopyFrom(OnnxExporter.export_value_info_proto(tensor, False).type)
        return info

    def _with_defaults(
        self, given: list[ValueInfoProto], before: Mapping[str, ValueInfoProto], target: GraphProto
    ) -> list[ValueInfoProto]:
        """Insert inputs that have an initializer as default; graphsurgeon reads them as constants only."""
        defaults = {tensor.name for tensor in target.initializer}
        defaults.update(name_of(sparse) for sparse in target.sparse_initializer)
        place = 0
        for name, info in before.items():
            position = next((number for number, each in enumerate(given) if each.name == name), None)
            if position is not None:
                place = position + 1
            elif name in defaults:
                given.insert(place, info)
                place += 1
        return given

    def _demand_types(self, graph: gs.Graph) -> None:
        for tensor in (*graph.inputs, *graph.outputs):
            if tensor.dtype is None and self._known(tensor) is None:
                raise UsageError(f"{tensor.name!r} is an input or output without a type; set its dtype")

    def _infos(
        self, graph: gs.Graph, body: KnownBody | None, before: Mapping[str, ValueInfoProto]
    ) -> Iterator[ValueInfoProto]:
        local = {id(tensor): tensor for tensor in tensors_in(graph)}
        taken = {tensor.name for tensor in local.values()}
        for name, info in before.items():
            known = body.tensors.get(name) if body else None
            if known is None:
                if name not in taken:  # otherwise another value has this name now
                    yield info
            elif id(known.tensor) in local or id(known.tensor) in self.homes:
                yield self._info(known.tensor, before)
        interface = {id(tensor) for tensor in (*graph.inputs, *graph.outputs)}
        for tensor in (tensor for node in graph.nodes for tensor in node.outputs):
            if tensor.is_empty() or isinstance(tensor, gs.Constant) or tensor.dtype is None:
                continue
            known = self._known(tensor)
            said = known is not None and (known.name in before or known.state == type_of(tensor))
            if id(tensor) not in interface and not said:
                yield OnnxExporter.export_value_info_proto(tensor, False)

    def _write_initializers(self, target: GraphProto, graph: gs.Graph, body: KnownBody | None) -> None:
        held = list(self._initializers(graph, body))
        fill(target.initializer, (each for each in held if isinstance(each, TensorProto)))
        fill(target.sparse_initializer, (each for each in held if isinstance(each, SparseTensorProto)))

    def _initializers(self, graph: gs.Graph, body: KnownBody | None) -> Iterator[Held]:
        """Yield the original initializers in their order, then the new ones.

        Initializers that the original model did not read are kept; those that the edit left unread are not.
        """
        alive = {id(tensor): tensor for tensor in self.constants_of(graph)}
        taken = {tensor.name for tensor in tensors_in(graph)}
        for name, held in (body.held if body else {}).items():
            assert body is not None
            known = body.tensors.get(name)
            if known is None:
                if name not in taken:
                    yield held
            elif (tensor := alive.pop(id(known.tensor), None)) is not None:
                yield self._held(tensor, known, held)
        yield from map(exported, alive.values())

    def _held(self, tensor: gs.Constant, known: KnownTensor, held: Held) -> Held:
        if not is_same(tensor, known.values, held, self.snapshot.folder):
            return _described_as(exported(tensor), held)
        if tensor.name == known.name:
            return held
        renamed = deepcopy(held)
        (renamed.values if isinstance(renamed, SparseTensorProto) else renamed).name = tensor.name
        return renamed

    def _annotations(self, target: GraphProto, body: KnownBody | None) -> Iterator[TensorAnnotation]:
        """Yield the quantization annotations under present tensor names, without those of removed tensors."""
        names = {known.name: known for known in body.tensors.values()} if body else {}
        written = {name for node in target.node for name in node.output}
        there = {*written, *(info.name for info in target.input), *map(name_of, target.initializer)}
        there.update(map(name_of, target.sparse_initializer))
        for annotation in [*target.quantization_annotation]:
            copy = TensorAnnotation()
            copy.CopyFrom(annotation)
            if copy.tensor_name in names:
                copy.tensor_name = names[copy.tensor_name].tensor.name
            for entry in copy.quant_parameter_tensor_names:
                if entry.value in names:
                    entry.value = names[entry.value].tensor.name
            if copy.tensor_name in there or annotation.tensor_name not in names:
                yield copy


def _described_as(made: Held, held: Held) -> Held:
    """Copy doc string and metadata of a dense tensor to its dense successor; return the successor."""
    if isinstance(made, TensorProto) and isinstance(held, TensorProto):
        made.doc_string = held.doc_string
        if not held.HasField("doc_string"):
            made.ClearField("doc_string")
        made.metadata_props.extend(held.metadata_props)
    return made
