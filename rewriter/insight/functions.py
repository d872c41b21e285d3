"""Maps the local functions of a file to the modules whose calls they replace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from onnx import FunctionProto, GraphProto, ModelProto, NodeProto

from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.index.functions import Identity, called_by, identity_of
from rewriter.model.index.graph import graphs_of
from rewriter.modules.module_tree import ModuleTree
from rewriter.paths import ROOT, ModulePath


@dataclass(frozen=True, slots=True)
class Function:
    """A local function of the file.

    Attributes:
        domain: its domain.
        name: its name.
        nodes: number of nodes of the function body; a call counts as one node.
        modules: the modules whose calls it replaces, each once, in tree order. A call without the tag of a
            module, as of a function that another tool made, counts for the module around the call.
    """

    domain: str
    name: str
    nodes: int
    modules: tuple[ModulePath, ...]


def functions_of(model: ModelProto, tree: ModuleTree) -> tuple[Function, ...]:
    """Return the functions that the model calls in modules of the tree, in file order; none for a flat file.

    A call whose tag names a module outside of the tree is skipped, with the calls in its function.

    Args:
        model: the file as it was read, without inlining.
        tree: its modules.
    """
    known: dict[Identity, FunctionProto] = {identity_of(f): f for f in model.functions}
    modules: dict[Identity, dict[ModulePath, None]] = {identity: {} for identity in known}
    pending = [(node, ROOT) for node in _nodes(model.graph.node)]
    while pending:
        node, around = pending.pop()
        identity = called_by(node)
        if (function := known.get(identity)) is None:
            continue
        told = metadata.get(node, tags.MODULE)
        path = around if told is None else _absolute(around, told)
        # Calls of an invalid file may be recursive: enter each function only once per module.
        if path in tree and path not in modules[identity]:
            modules[identity][path] = None
            pending.extend((inner, path) for inner in _nodes(function.node))
    order = {path: at for at, path in enumerate(tree.modules)}
    return tuple(
        Function(
            function.domain, function.name, len(function.node), tuple(sorted(found, key=order.__getitem__))
        )
        for identity, function in known.items()
        if (found := modules[identity])
    )


def _absolute(around: ModulePath, told: str) -> ModulePath:
    """Return the absolute path of a module; relative paths, in shared functions, begin with '.'."""
    return around.child(told[1:]) if told.startswith(".") else ModulePath(told)


def _nodes(body: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Yield the nodes of a body and of the graph bodies in it."""
    stack: list[NodeProto] = list(body)
    while stack:
        node = stack.pop()
        yield node
        for attribute in node.attribute:
            graphs: Iterable[GraphProto] = graphs_of(attribute)
            stack.extend(inner for graph in graphs for inner in graph.node)
