"""Reads the record of the dynamo exporter on the state of a program: its keys, and tensors made of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from rewriter.evidence.metadata.dynamo import FX_NODE, GRAPH_SIGNATURE, INPUT_KIND, folded_from, signature
from rewriter.model.index.graph import GraphIndex
from rewriter.model.index.index_cache import once_per_index
from rewriter.model.metadata import get, read

ShapeOf = Callable[[str], tuple[int, ...] | None]
"""Name of a parameter in the file -> its shape in the new checkpoint; None if it has none."""
_PERSISTENT = "pkg.torch.export.graph_signature.InputSpec.persistent"
_ARGUMENT = re.compile(r"%(\w+)")
_STATE = re.compile(r"^\w+: (?:PARAMETER|BUFFER) target='(.*?)'(?: persistent=(True|False))?$", re.MULTILINE)


@once_per_index
def state_of(graph: GraphIndex) -> Mapping[str, None]:
    """Return the keys of the state dict that the exporter recorded; empty for other exporters."""
    text = read(graph.bodies[0].proto).get(GRAPH_SIGNATURE, "")
    return {key: None for key, persistent in _STATE.findall(text) if persistent != "False"}


def recorded_constant(graph: GraphIndex) -> Callable[[int], bool]:
    """Return a function: whether the record of the exporter shows that a tensor depends on no weight."""
    state = state_of(graph)
    folded = folded_from(graph)

    def is_recorded(value: int) -> bool:
        if not state:
            return False
        if value in folded:
            return not any(each in state for each in folded[value])
        if (info := graph.described.get(value)) is None:
            return False
        return get(info, INPUT_KIND) not in (None, "PARAMETER") and get(info, _PERSISTENT) != "True"

    return is_recorded


def recorded_origins(graph: GraphIndex, value: int) -> tuple[str, ...]:
    """Return the keys of the state dict from which the exporter recorded that it computed a tensor."""
    state = state_of(graph)
    return tuple(key for key in folded_from(graph).get(value, ()) if key in state)


@once_per_index
def _made(graph: GraphIndex) -> Mapping[str, str]:
    return dict(_uses(graph))


def _uses(graph: GraphIndex) -> Iterator[tuple[str, str]]:
    for value in folded_from(graph):
        for key in recorded_origins(graph, value):
            yield key, str(graph.value_names[value])


def made_from(graph: GraphIndex, key: str) -> str:
    """Return a tensor that the exporter computed from a key, by its record; '' for none."""
    return _made(graph).get(key, "")


@once_per_index
def recorded_arguments(graph: GraphIndex) -> Mapping[str, str]:
    """Return key -> a node with it among the arguments of torch's operator, by the record of the exporter."""
    found: dict[str, str] = {}
    keys = signature(graph)
    for node in graph.nodes if keys else ():
        for argument in _ARGUMENT.findall(get(node, FX_NODE) or ""):
            if argument in keys:
                found.setdefault(keys[argument], node.name or node.op_type)
    return found
