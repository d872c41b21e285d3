"""Pass: put the nodes of functions that `group` made back where they were called.

The inverse of `group`: names, order and metadata of the flat graph come back. Functions of others are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from onnx import FunctionProto, ModelProto, NodeProto

from rewriter.evidence import tags
from rewriter.model import metadata
from rewriter.modules.analysis import Analysis
from rewriter.passes.base import Outcome
from rewriter.passes.naming import numbers_of

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Flatten:
    """Undoes `group`. Nothing else is touched; the IR version stays where `group` may have raised it to."""

    name: ClassVar[str] = "flatten"

    def run(self, analysis: Analysis) -> Outcome:
        """Enter every call of a function that `group` made."""
        model = analysis.model
        ours = {(f.domain, f.name): f for f in model.functions if is_ours(f)}
        if not ours:
            return Outcome({"functions entered": 0})
        placed = list(_entered(list(model.graph.node), metadata.read(model).get(tags.ORDER), ours))
        if all(position is not None for position, _ in placed):
            placed.sort(key=lambda item: item[0] or 0)
        nodes = [NodeProto.FromString(node.SerializeToString()) for _, node in placed]
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        known = {info.name for info in model.graph.value_info}
        for function in ours.values():
            inside = [info for info in function.value_info if info.name not in known]
            model.graph.value_info.extend(inside)
            known.update(info.name for info in inside)
        _remove(model, ours)
        return Outcome({"functions entered": len(ours)})


def is_ours(function: FunctionProto) -> bool:
    """Whether `group` made the function."""
    return bool(function.metadata_props) and tags.MODULE in metadata.read(function)


def _entered(
    body: list[NodeProto], order: str | None, ours: dict[Key, FunctionProto]
) -> Iterator[tuple[int | None, NodeProto]]:
    """The nodes of a body with their place in the flat graph, as far as it was written down, calls entered.

    Where the body no longer has as many nodes as were written down, somebody edited it; then the nodes stay
    in the order of the calls, which is topological as well.
    """
    own = [node for node in body if (node.domain, node.op_type) not in ours]
    positions: list[int | None] = list(_numbers(order))
    if len(positions) != len(own):
        positions = [None] * len(own)
    places = iter(positions)
    for node in body:
        function = ours.get((node.domain, node.op_type))
        if function is None:
            yield next(places), node
        else:
            yield from _entered(list(function.node), metadata.read(node).get(tags.ORDER), ours)


def _numbers(text: str | None) -> list[int]:
    try:
        return numbers_of(text or "")
    except ValueError:  # somebody else's entry
        return []


def _remove(model: ModelProto, ours: dict[Key, FunctionProto]) -> None:
    """Take out the functions, the domains that only they used, and the note on the order."""
    kept = [f for f in model.functions if (f.domain, f.name) not in ours]
    copies = [FunctionProto.FromString(f.SerializeToString()) for f in kept]
    del model.functions[:]
    model.functions.extend(copies)
    doomed = {domain for domain, _ in ours} - {f.domain for f in copies}
    for position in reversed(range(len(model.opset_import))):
        if model.opset_import[position].domain in doomed:
            del model.opset_import[position]
    metadata.erase(model, [tags.ORDER])
