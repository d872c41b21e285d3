"""Pass: put the nodes of functions that `group` made back where they were called, and merge what `unshare` copied.

The inverse of `group`: names, order and metadata of the flat graph come back. Functions of others are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from onnx import FunctionProto, ModelProto, NodeProto

from rewriter.evidence import tags
from rewriter.model import metadata
from rewriter.modules.analysis import Analysis
from rewriter.passes.base import Outcome
from rewriter.passes.naming import numbers_of
from rewriter.passes.renaming import rename

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Flatten:
    """Undoes `group` and `unshare`. The IR version stays where they may have raised it to."""

    name: ClassVar[str] = "flatten"

    def run(self, analysis: Analysis) -> Outcome:
        """Enter every call of a function that `group` made."""
        model = analysis.model
        ours = {(f.domain, f.name): f for f in model.functions if is_ours(f)}
        placed = list(_entered(list(model.graph.node), metadata.read(model).get(tags.ORDER), ours))
        if all(position is not None for position, _ in placed):
            placed.sort(key=lambda item: item[0] or 0)
        # Copied first: what a body holds dies with the list it is taken from.
        nodes = [NodeProto.FromString(node.SerializeToString()) for _, node in placed]
        kept, renamed = _merge_copies(nodes)
        if ours or renamed:
            del model.graph.node[:]
            model.graph.node.extend(kept)
            _give_back_infos(model, ours, renamed)
            _remove(model, ours)
        return Outcome({"functions entered": len(ours), "copies merged": len(nodes) - len(kept)})


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


def _merge_copies(nodes: Sequence[NodeProto]) -> tuple[list[NodeProto], dict[str, str]]:
    """Take out the copies, let their readers read the originals, and forget what moved where.

    Returns:
        The nodes left, and output of a copy -> output of its original. A copy that somebody edited stays.
    """
    by_output = {name: node for node in nodes for name in node.output if name}
    renamed: dict[str, str] = {}
    kept = []
    for node in nodes:
        if renamed:
            rename(node, renamed)
        notes = metadata.read(node) if node.metadata_props else {}
        original = by_output.get(notes.get(tags.COPY_OF, ""))
        if original is not None and _alike(original, node):
            renamed.update(zip(node.output, original.output, strict=True))
            continue
        if tags.COPY_OF in notes or tags.MOVED_TO in notes:
            metadata.erase(node, [tags.MOVED_TO, tags.COPY_OF])
        kept.append(node)
    return kept, renamed


def _alike(original: NodeProto, copy: NodeProto) -> bool:
    return (
        (original.domain, original.op_type) == (copy.domain, copy.op_type)
        and list(original.input) == list(copy.input)
        and list(original.attribute) == list(copy.attribute)
        and len(original.output) == len(copy.output)
    )


def _give_back_infos(model: ModelProto, ours: dict[Key, FunctionProto], renamed: dict[str, str]) -> None:
    """Move what is known of values from the functions to the graph, copies left out."""
    known = {info.name for info in model.graph.value_info}
    for function in ours.values():
        inside = [info for info in function.value_info if info.name not in known]
        model.graph.value_info.extend(inside)
        known.update(info.name for info in inside)
    if not known.isdisjoint(renamed):
        kept = [info for info in model.graph.value_info if info.name not in renamed]
        del model.graph.value_info[:]
        model.graph.value_info.extend(kept)


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
