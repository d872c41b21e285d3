"""Shows whether a weight is stored as (in, out), as transformers' Conv1D stores its weight."""

from __future__ import annotations

from collections.abc import Iterable

from rewriter.checkpoints.arrangement import Joined
from rewriter.checkpoints.formula import Formula, Key, Permuted
from rewriter.evidence.parameters.parameter_names import readers_of
from rewriter.model.index.graph import NONE, GraphIndex


def turned_keys(graph: GraphIndex, formulas: Iterable[tuple[int, Formula]]) -> dict[str, bool]:
    """Return key of a matrix -> whether it is stored as (in, out), where the file shows it.

    An operator shows how it reads the tensor, and the formula whether the tensor is the transpose of the key.

    Args:
        graph: the model.
        formulas: stored tensors with their formulas.
    """
    found: dict[str, bool] = {}
    for value, formula in formulas:
        reads = _reads_input_first(graph, value)
        for part in formula.parts if isinstance(formula, Joined) else (formula,):
            transposed = isinstance(part, Permuted) and part.axes == (1, 0)
            inner = part.of if isinstance(part, Permuted) and transposed else part
            if reads is not None and isinstance(inner, Key):
                found[inner.name] = reads != transposed
    return found


def _reads_input_first(graph: GraphIndex, value: int) -> bool | None:
    """Whether all readers of a matrix multiply it as (in, out); None if they differ, or none shows it."""
    shown = {_input_first_at(graph, node, value) for node in readers_of(graph, value)}
    return shown.pop() if len(shown) == 1 else None


def _input_first_at(graph: GraphIndex, node: int, value: int) -> bool | None:
    operator = graph.operators[node][1]
    attributes = {each.name: each for each in graph.nodes[node].attribute}
    names = {value, *_aliases(graph, value)}
    places = [place for place, read in enumerate(graph.reads[node]) if read in names]
    if operator == "Transpose" and graph.writes[node] and graph.writes[node][0] != NONE:
        perm = list(attributes["perm"].ints) if "perm" in attributes else [1, 0]
        inner = _reads_input_first(graph, graph.writes[node][0])
        return None if inner is None or perm != [1, 0] else not inner
    if places != [1] or operator not in ("MatMul", "Gemm"):
        return None
    return operator == "MatMul" or not ("transB" in attributes and attributes["transB"].i)


def _aliases(graph: GraphIndex, value: int) -> set[int]:
    """Return the other names that Identity nodes give a value."""
    return {
        graph.writes[node][0]
        for node in graph.readers[value]
        if graph.operators[node][1] == "Identity" and graph.writes[node]
    }
