"""Removes nodes from a main graph, with the inputs, initializers, types and functions that only they need."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from onnx import ModelProto

from rewriter.cutting.main_graph import MainGraph
from rewriter.model.index.backward_slice import names_read
from rewriter.model.index.functions import identity_of


@dataclass(frozen=True, slots=True)
class Removed:
    """Names of what was removed besides nodes, each in file order."""

    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    initializers: tuple[str, ...]
    functions: tuple[str, ...]


def remove_nodes(main: MainGraph, gone: Set[int]) -> Removed:
    """Remove nodes of a main graph in place, and what only these read or called.

    An input, initializer or function that nothing used before stays.

    Args:
        main: the main graph.
        gone: the nodes; no other node reads their results.
    """
    model: ModelProto = main.model
    graph = model.graph
    leaving = [node in gone for node in main.nodes]
    kept = [node for node, leaves in zip(graph.node, leaving, strict=True) if not leaves]
    lost = [node for node, leaves in zip(graph.node, leaving, strict=True) if leaves]
    made = {name for node in lost for name in node.output if name}
    outputs = _erase(graph.output, "name", made)
    needed = names_read(kept).union(info.name for info in graph.output)
    unread = names_read(lost) - needed - made
    called = main.called(gone) - main.called(set(main.nodes) - gone)
    erase_at(graph.node, leaving)
    inputs = _erase(graph.input, "name", unread)
    initializers = _erase(graph.initializer, "name", unread)
    sparse = [each.values.name for each in graph.sparse_initializer]
    erase_at(graph.sparse_initializer, [name in unread for name in sparse])
    _erase(graph.value_info, "name", made | unread)
    _erase(graph.quantization_annotation, "tensor_name", made | unread)
    functions = [function.name for function in model.functions if identity_of(function) in called]
    erase_at(model.functions, [identity_of(function) in called for function in model.functions])
    stored = {*initializers, *(name for name in sparse if name in unread)}
    fed = tuple(name for name in inputs if name not in stored)
    return Removed(
        tuple(outputs),
        fed,
        tuple(name for name in (*initializers, *sparse) if name in stored),
        tuple(functions),
    )


def _erase(entries: Any, key: str, names: Set[str]) -> list[str]:
    """Delete the entries with some names from a repeated field; return the names of the deleted ones."""
    found = [getattr(entry, key) for entry in entries]
    erase_at(entries, [name in names for name in found])
    return [name for name in found if name in names]


def erase_at(entries: Any, doomed: list[bool]) -> None:
    """Delete the doomed entries of a repeated field; entries behind the list stay."""
    for position in reversed(range(len(doomed))):
        if doomed[position]:
            del entries[position]
