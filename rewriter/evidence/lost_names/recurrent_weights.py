"""Witness: weights of recurrent layers, which exporters rearrange for LSTM, GRU and RNN.

The nodes of one call of a module are its layers if each computes with the result of the one before. A node
shows the direction and the kind of each parameter by the positions of its operands (see `gate_names`). The
dynamo exporter also recorded the parameters of which it computed an operand; these must be exactly the
expected ones. TorchScript numbered the operand after the operator (`onnx::LSTM_117`). An operand without
either, or without the name that `--restore-names` gives (`lstm.W_l0`), stays unnamed, since other producers
name parameters in other ways. So do all operands of a module with projections (`weight_hr_l0`): dynamo cuts
their weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from rewriter.evidence.claims import InitializerSlice, ParameterClaim, Source
from rewriter.evidence.lost_names.gate_names import GATES, OPERANDS
from rewriter.evidence.metadata.dynamo import folded_from, signature
from rewriter.evidence.parameters.parameter_names import alias_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ModulePath

_NUMBERED = re.compile(r"onnx::(?:LSTM|GRU|RNN)_\d+$")
_PEEPHOLES = 7
_BETWEEN = 6
"""Maximum number of nodes between two layers, each reading the one before as its first input."""
_REORDERED = "gates in the order of ONNX"


class _Layer(NamedTuple):
    """A layer of a module, and its operands W, R and B, behind aliases; NONE for a missing one."""

    module: ModulePath
    number: int
    node: int
    operands: tuple[int, ...]


def testify(
    graph: GraphIndex, modules: Sequence[ModulePath | None], calls: Sequence[int | None]
) -> Iterator[ParameterClaim]:
    """Yield claims on the operands of recurrent layers.

    Args:
        graph: the model.
        modules: node -> its module.
        calls: node -> the call of its module, if known.
    """
    known = set(signature(graph).values())
    for layer in _layers(graph, modules, calls):
        if known.isdisjoint({layer.module.child(f"weight_hr_l{layer.number}")}):
            for position, value in enumerate(layer.operands, 1):
                if graph.main_name(value):
                    yield from _of_operand(graph, layer, position, value, known)


def _layers(
    graph: GraphIndex, modules: Sequence[ModulePath | None], calls: Sequence[int | None]
) -> Iterator[_Layer]:
    """Yield the layers of all modules; without known calls, nodes with the same operands are one layer.

    Nodes of one call that do not follow each other are no layers of one module of torch, so none is yielded.
    """
    found: dict[tuple[ModulePath, int | None], list[tuple[tuple[int, ...], int]]] = {}
    for node, module in enumerate(modules):
        domain, operator = graph.operators[node]
        if module is not None and not domain and operator in GATES and _has_form_of_torch(graph, node):
            read = [*graph.reads[node], NONE, NONE][1:4]
            operands = tuple(alias_of(graph, value) if value != NONE else NONE for value in read)
            layers = found.setdefault((module, calls[node]), [])
            if calls[node] is not None or all(operands != others for others, _ in layers):
                layers.append((operands, node))
    for (module, _), layers in found.items():
        if all(_follows(graph, node, before) for (_, before), (_, node) in pairwise(layers)):
            for number, (operands, node) in enumerate(layers):
                yield _Layer(module, number, node, operands)


def _follows(graph: GraphIndex, node: int, before: int) -> bool:
    """Whether the data of a recurrent node come from another one, at most `_BETWEEN` nodes away."""
    value = graph.reads[node][0]
    for _ in range(_BETWEEN + 1):
        maker = graph.producer[value] if value != NONE else NONE
        if maker in (NONE, before) or graph.operators[maker][1] in GATES or not graph.reads[maker]:
            return maker == before
        value = graph.reads[maker][0]
    return False


def _has_form_of_torch(graph: GraphIndex, node: int) -> bool:
    read = graph.reads[node]
    directions = (each.s for each in graph.nodes[node].attribute if each.name == "direction")
    return b"reverse" not in directions and (len(read) <= _PEEPHOLES or read[_PEEPHOLES] == NONE)


def _of_operand(
    graph: GraphIndex, layer: _Layer, position: int, value: int, known: set[str]
) -> Iterator[ParameterClaim]:
    """Yield a claim for each parameter in an operand; none if its name or shape does not show them."""
    operator = graph.operators[layer.node][1]
    letter, kinds = OPERANDS[position]
    dims = tuple(graph.initializers[value].dims)
    directions = dims[0] if dims else 0
    endings = ("", "_reverse")[:directions]
    names = [layer.module.child(f"{kind}_l{layer.number}{ending}") for ending in endings for kind in kinds]
    stored_as = layer.module.child(f"{letter}_l{layer.number}")
    if not _fits(graph, layer, dims) or not _is_told(graph, value, names, stored_as, known):
        return
    detail = _REORDERED if GATES[operator] > 1 else ""
    exact = len(names) == 1 and not detail
    for number, name in enumerate(names):
        part = _part(dims, number, len(kinds))
        stored = None if exact else stored_as
        yield ParameterClaim(
            graph.value_names[value], name, False, Source.POSITION, part, detail=detail, stored_as=stored
        )


def _fits(graph: GraphIndex, layer: _Layer, dims: tuple[int, ...]) -> bool:
    """Whether a shape fits the recurrent weight, which is (directions, gates * hidden, hidden)."""
    recurrent = graph.initializers.get(layer.operands[1])
    if recurrent is None or len(recurrent.dims) != 3 or len(dims) not in (2, 3):
        return False
    directions, rows, hidden = recurrent.dims
    is_square = rows == GATES[graph.operators[layer.node][1]] * hidden
    first = layer.number == 0 or len(dims) == 2 or dims[2] in (hidden, directions * hidden)
    length = rows if len(dims) == 3 else 2 * rows
    return is_square and directions in (1, 2) and first and dims[:2] == (directions, length)


def _is_told(
    graph: GraphIndex, value: int, names: Sequence[ModulePath], stored_as: ModulePath, known: set[str]
) -> bool:
    """Whether the record of the exporter, or the name of an operand, shows that it holds parameters."""
    name = graph.value_names[value]
    if name == stored_as:
        return True
    if value in (explained := folded_from(graph)) and known:
        return {each for each in explained[value] if each in known} == set(names)
    return bool(_NUMBERED.match(name))


def _part(dims: tuple[int, ...], number: int, kinds: int) -> InitializerSlice | None:
    """Return the slice of an operand with its parameter `number`, of `kinds` for each direction."""
    direction, kind = divmod(number, kinds)
    length = dims[1] // kinds
    inner = InitializerSlice(1, kind * length, (kind + 1) * length) if kinds > 1 else None
    if dims[0] == 1:
        return inner
    return InitializerSlice(0, direction, direction + 1, inner)
