"""A piece of a model: some of its nodes as a model of their own. `Emitter` builds it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from onnx import ModelProto, ValueInfoProto

from rewriter.cutting.hoisting import Flat
from rewriter.cutting.main_graph import MainGraph
from rewriter.errors import CannotCut
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.index.functions import identity_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.ir_version import list_initializers
from rewriter.model.operator_set.operators import canonical
from rewriter.model.undecodable_names import set_text
from rewriter.modules.analysis import Analysis
from rewriter.modules.module_tree import ModuleTree
from rewriter.passes.annotate import NodeWriter, compact
from rewriter.passes.functions.value_names import rename
from rewriter.paths import ModulePath


@dataclass(frozen=True, slots=True)
class Cut:
    """Content of a piece: numbers of nodes and values of the main graph that it is cut from.

    Attributes:
        nodes: the nodes, including copied constants, ascending.
        inputs: the values that the piece reads or outputs but does not compute, without initializers, in
            order of first use.
        weights: the initializers that the piece reads or outputs, ascending.
        outputs: the outputs.
    """

    nodes: tuple[int, ...]
    inputs: tuple[int, ...]
    weights: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A model that is part of another.

    Attributes:
        model: the model.
        recorded: name of an input or output -> its name in the model that the piece was cut from.
    """

    model: ModelProto
    recorded: Mapping[str, str]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, without those that have an initializer."""
        graph = self.model.graph
        filled = {tensor.name for tensor in graph.initializer}
        filled.update(sparse.values.name for sparse in graph.sparse_initializer)
        return tuple(info.name for info in self.model.graph.input if info.name not in filled)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return tuple(info.name for info in self.model.graph.output)


def cut(main: MainGraph, nodes: Iterable[int], outputs: Iterable[int]) -> Cut:
    """Return the content of a piece with `nodes`, the constants that they read, and `outputs`."""
    graph = main.graph
    kept = sorted(main.with_constants(nodes))
    made = set(main.written(kept))
    given = tuple(outputs)
    # An output that no kept node writes is an input or an initializer.
    read = dict.fromkeys(value for node in kept for value in main.reads[node])
    read.update(dict.fromkeys(given))
    taken = [value for value in read if value not in made]
    weights = {value for value in taken if _is_weight(graph, value)}
    return Cut(tuple(kept), tuple(v for v in taken if v not in weights), tuple(sorted(weights)), given)


def _is_weight(graph: GraphIndex, value: int) -> bool:
    name = graph.value_names[value]
    return value in graph.initializers or any(
        sparse.values.name == name for sparse in graph.model.graph.sparse_initializer
    )


class Emitter:
    """Builder of pieces of one model, with the module of each placed node in its metadata."""

    def __init__(self, analysis: Analysis, flat: Flat) -> None:
        self.analysis = analysis
        self.flat = flat
        self.main = flat.main
        self.origin = {new: old for old, new in flat.place.items()}

    def emit(self, cut: Cut, types: Mapping[str, ValueInfoProto]) -> Piece:
        """Build a piece as a model; the source model is not changed.

        Args:
            cut: the content of the piece.
            types: name of an input or output -> its type.

        Raises:
            CannotCut: an input or output has no known type.
        """
        self._demand_types(cut, types)
        source = self.main.model
        model = ModelProto(
            ir_version=source.ir_version,
            model_version=source.model_version,
            metadata_props=source.metadata_props,
        )
        for text in ("producer_name", "producer_version", "domain", "doc_string"):
            set_text(model, text, getattr(source, text))
        self._fill_graph(model, cut, types)
        self._take_functions(model, cut.nodes)
        placed = [self.origin.get(node, NONE) for node in cut.nodes]
        self._annotate(model, placed)
        return Piece(model, self._give_names_back(model, self._names_back(cut)))

    def _demand_types(self, cut: Cut, types: Mapping[str, ValueInfoProto]) -> None:
        for value in (*cut.inputs, *cut.outputs):
            name = self.main.graph.value_names[value]
            if name not in types:
                raise CannotCut(
                    f"value {name!r} at the boundary has no type: the file states none, and none can be "
                    "inferred; a run measures a missing rank, so leave out --no-numbers, run onnx.checker on "
                    "the file, or export it again"
                )

    def _fill_graph(self, model: ModelProto, cut: Cut, types: Mapping[str, ValueInfoProto]) -> None:
        graph, source = model.graph, self.main.model.graph
        name_of = self.main.graph.value_names
        graph.name = source.name or "piece"
        set_text(graph, "doc_string", source.doc_string)
        graph.metadata_props.extend(source.metadata_props)
        graph.node.extend(self.main.graph.nodes[node] for node in cut.nodes)
        for proto, node in zip(graph.node, cut.nodes, strict=True):
            if node in self.origin:
                proto.name = self.analysis.graph.names[self.origin[node]]
        weights = {name_of[value] for value in cut.weights}
        graph.input.extend(types[name_of[value]] for value in cut.inputs)
        # Before IR version 4, initializers must also be inputs; since then, they may be.
        graph.input.extend(info for info in source.input if info.name in weights)
        graph.output.extend(types[name_of[value]] for value in cut.outputs)
        graph.initializer.extend(tensor for tensor in source.initializer if tensor.name in weights)
        list_initializers(model)  # initializers of hoisted bodies are not yet inputs
        graph.sparse_initializer.extend(s for s in source.sparse_initializer if s.values.name in weights)
        made = {name_of[value] for value in self.main.written(cut.nodes)}
        inside = made - {info.name for info in graph.output}
        graph.value_info.extend(info for info in source.value_info if info.name in inside)
        known = made | weights
        graph.quantization_annotation.extend(
            each for each in source.quantization_annotation if each.tensor_name in known
        )

    def _take_functions(self, model: ModelProto, nodes: Iterable[int]) -> None:
        """Copy the functions that nodes call, directly or not, and imports of used and default domains."""
        source, called = self.main.model, self.main.called(nodes)
        model.functions.extend(f for f in source.functions if identity_of(f) in called)
        used = {canonical(node.domain) for node in GraphIndex(model).nodes}
        domains = used | {domain for domain, _, _ in called} | {""}
        imports = [each for each in source.opset_import if canonical(each.domain) in domains]
        model.opset_import.extend(imports or source.opset_import)  # onnxruntime demands one

    def _annotate(self, model: ModelProto, placed: list[int]) -> None:
        """Write the module of each placed node into its metadata, and the tree of modules into the model."""
        tree = self.analysis.tree
        writer = NodeWriter(tree)
        modules: dict[ModulePath, None] = {}
        for proto, old in zip(model.graph.node, placed, strict=True):
            placement = tree.placements[old] if old != NONE else None
            if placement is not None:
                writer.write(proto, [entry.key for entry in proto.metadata_props], placement)
                modules[placement.module] = None
        note_tree(model, tree, modules)

    def _names_back(self, cut: Cut) -> dict[str, str]:
        """Return name of a hoisted value -> its name in the body, if that name is free in the piece."""
        name_of = self.main.graph.value_names
        here = [name_of[v] for v in (*cut.inputs, *cut.weights, *self.main.written(cut.nodes))]
        taken = {name for name in here if name not in self.flat.names}
        back: dict[str, str] = {}
        for name in here:
            old = self.flat.names.get(name)
            if old is not None and old not in taken:
                taken.add(old)
                back[name] = old
        return back

    @staticmethod
    def _give_names_back(model: ModelProto, names: Mapping[str, str]) -> dict[str, str]:
        """Rename values in place; return name of an input or output -> its name before."""
        graph = model.graph
        interface = {names.get(i.name, i.name): i.name for i in (*graph.input, *graph.output)}
        if names:
            for node in graph.node:
                rename(node, names)
            for info in (*graph.input, *graph.output, *graph.value_info):
                info.name = names.get(info.name, info.name)
            for tensor in (*graph.initializer, *(sparse.values for sparse in graph.sparse_initializer)):
                tensor.name = names.get(tensor.name, tensor.name)
        return interface


def note_tree(model: ModelProto, tree: ModuleTree, modules: Collection[ModulePath]) -> None:
    """Write modules and their ancestors into the metadata of a model, as `annotate` does for all modules.

    Erase metadata that holds for the whole model only.
    """
    kept = set(modules)
    for module in modules:
        kept.update(module.ancestors())
    metadata.erase(model, [tags.TREE, tags.TAPS, tags.VALUES, tags.ORDER, tags.INFOS, tags.IR_VERSION])
    if modules:
        metadata.write(model, {tags.TREE: compact(module for module in tree if module.path in kept)})
