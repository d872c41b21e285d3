"""Places new nodes in modules, by evidence in the edited file and by the tree of the original."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from onnx import FunctionProto, ModelProto, NodeProto

from rewriter.adapters.graphsurgeon.merge import Merged
from rewriter.errors import UsageError
from rewriter.evidence.certainty import Certainty
from rewriter.evidence.claims import Source
from rewriter.evidence.metadata import tags
from rewriter.evidence.metadata.dynamo import NAMESPACE
from rewriter.evidence.side_inputs import Given
from rewriter.model import metadata
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.module_tree import Placement
from rewriter.passes.annotate import NodeWriter, compact, compact_values
from rewriter.passes.functions.provenance import is_ours
from rewriter.paths import ModulePath
from rewriter.pipeline import load
from rewriter.views.sidecar.original import like_analysis

_OF_PLACE = (*sorted(tags.OF_NODES), NAMESPACE)
_FUNCTION_ONLY = frozenset({tags.PARAMETERS, tags.CALL})


@dataclass(frozen=True, slots=True)
class NewNode:
    """An added node: its name (or the name of its first output), its operator, and its module if known."""

    name: str
    operator: str
    module: ModulePath | None


def place(merged: Merged, original: ModelProto) -> tuple[NewNode, ...]:
    """Find the modules of new nodes, and write them into the metadata of these nodes; return the new nodes.

    Args:
        merged: the edited model; if the model has a tree in its metadata, the tree is updated. Records that
            `flatten` reads are removed from changed bodies.
        original: the model before the edit.
    """
    model = merged.model
    forget_order(merged)
    if not any(merged.is_new) and not merged.dropped:
        return ()
    analysis = _analysed(model, original)
    graph = GraphIndex(model)
    news = [number for number, new in enumerate(merged.is_new) if new]
    writer = NodeWriter(analysis.tree)
    placements = _placements(graph, analysis)
    found = []
    for number in news:
        node, placement = graph.nodes[number], placements.get(number)
        if placement is not None:
            writer.write(node, graph.metadata_keys[number], placement)
            module: ModulePath | None = placement.module
        else:
            module = _placed_in_function(graph, number, merged.is_new) if analysis.grouped else None
        found.append(NewNode(node.name or next(iter(node.output), ""), node.op_type, module))
    if tags.TREE in metadata.read(model):
        written = {tags.TREE: compact(analysis.tree), tags.VALUES: compact_values(analysis)}
        metadata.write(model, written)
    return tuple(found)


def _analysed(model: ModelProto, original: ModelProto) -> Analysis:
    """Analyse the edited model by its own evidence and by the tree of the original."""
    try:
        return load(model, Given(like=like_analysis(load(original)), forced=True))
    except UsageError:  # the models have nothing in common
        return load(model)


def forget_order(merged: Merged) -> None:
    """Remove the records of the flat graph from changed functions and their calls, and from the model.

    The model loses its record only if its main graph changed.
    """
    changed = {(each.domain, each.name, each.overload) for each in merged.changed if each is not None}
    if None in merged.changed:
        metadata.erase(merged.model, [tags.ORDER])
    for function in merged.model.functions:
        if (function.domain, function.name, function.overload) in changed:
            metadata.erase(function, [tags.FLAT])
    bodies = [merged.model.graph.node, *(function.node for function in merged.model.functions)]
    for nodes in bodies if changed else ():
        for node in nodes:
            if (node.domain, node.op_type, node.overload) in changed:
                metadata.erase(node, [tags.ORDER])


def _placements(graph: GraphIndex, analysis: Analysis) -> Mapping[int, Placement]:
    """Return node of the model -> its placement; in a grouped model, only for nodes outside functions."""
    placements = analysis.tree.placements
    if not analysis.grouped:
        return {number: each for number, each in enumerate(placements) if each is not None}
    by_output: dict[str, Placement] = {}
    for node, place in zip(analysis.graph.nodes, placements, strict=True):
        if place is not None:
            by_output.update(dict.fromkeys(node.output, place))
    main = (number for number, body in enumerate(graph.body_of) if graph.bodies[body].function is None)
    named = ((number, next(iter(graph.nodes[number].output), "")) for number in main)
    return {number: by_output[name] for number, name in named if name in by_output}


def _placed_in_function(graph: GraphIndex, number: int, is_new: Sequence[bool]) -> ModulePath | None:
    """Place a node in a function that `group` made: in the module of its neighbours, else of the function.

    A function that several calls share has module paths relative to the called module, such as `.self.query`.
    """
    function = _function_around(graph, number)
    if function is None or not is_ours(function):
        return None
    entries = _agreed(graph, number, is_new) or _of_function(function)
    guess = {tags.EVIDENCE: str(Source.DATAFLOW), tags.CERTAINTY: str(Certainty.GUESSED)}
    metadata.write(graph.nodes[number], entries | guess)
    return ModulePath(entries[tags.MODULE])


def _function_around(graph: GraphIndex, number: int) -> FunctionProto | None:
    body = graph.bodies[graph.body_of[number]]
    while body.owner != NONE:
        body = graph.bodies[body.outer]
    return body.function


def _agreed(graph: GraphIndex, number: int, is_new: Sequence[bool]) -> dict[str, str] | None:
    around = {*graph.predecessors(number), *graph.successors(number)} - {number}
    told = [_place_of(graph.nodes[other]) for other in sorted(around) if not is_new[other]]
    known = [each for each in told if tags.MODULE in each]
    modules = {each[tags.MODULE] for each in known}
    return known[0] if len(modules) == 1 else None


def _place_of(node: NodeProto) -> dict[str, str]:
    entries = metadata.read(node)
    return {key: entries[key] for key in _OF_PLACE if key in entries}


def _of_function(function: FunctionProto) -> dict[str, str]:
    entries = metadata.read(function)
    relative = any(metadata.read(node).get(tags.MODULE, "").startswith(".") for node in function.node)
    kept = {key: text for key, text in _known(entries) if key not in _FUNCTION_ONLY}
    return {**kept, **({tags.MODULE: "."} if relative else {})}


def _known(entries: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((key, text) for key, text in entries.items() if key in _OF_PLACE)
