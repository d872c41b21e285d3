"""Restores a flat graph after calls were inlined: merges copies of nodes, and moves `value_info` back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from onnx import GraphProto, NodeProto, ValueInfoProto

from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.operator_set.default_domain import spell_long
from rewriter.passes.functions.function_names import numbers_of
from rewriter.passes.functions.value_names import rename

MOST_NODES = 2_000_000
"""Limit on inlined nodes."""


def merge_copies(nodes: Sequence[NodeProto]) -> tuple[list[NodeProto], dict[str, str]]:
    """Remove copies and connect their readers to the originals.

    Metadata on copies and moves is erased.

    Returns:
        The remaining nodes, and output of a copy -> output of its original. A copy stays if it or
        its original was edited, or if its original does not come before it.
    """
    by_output: dict[str, NodeProto] = {}
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
        by_output.update((name, node) for name in node.output if name)
    return kept, renamed


def spell_back(node: NodeProto) -> None:
    """Restore the spelling of domains; the bodies of the node must be as `group` wrote them."""
    if (numbers := metadata.get(node, tags.SPELLED)) is not None:
        with suppress(ValueError):  # another tool's entry
            spell_long(node, numbers_of(numbers, MOST_NODES))
        metadata.erase(node, [tags.SPELLED])


def _alike(original: NodeProto, copy: NodeProto) -> bool:
    return (
        (original.domain, original.op_type) == (copy.domain, copy.op_type)
        and list(original.input) == list(copy.input)
        and list(original.attribute) == list(copy.attribute)
        and len(original.output) == len(copy.output)
    )


def give_back_infos(
    graph: GraphProto,
    infos: Sequence[tuple[int | None, ValueInfoProto]],
    own: int,
    renamed: Mapping[str, str],
) -> None:
    """Move the `value_info` of functions to the graph, without that of merged copies.

    The original order is restored if all original positions are known.

    Args:
        graph: the graph.
        infos: the `value_info` of the graph, then of functions, each with its original position if known.
        own: number of those of the graph.
        renamed: output of a removed copy -> output of its original.
    """
    found = [*infos[:own]]
    known = {info.name for _, info in found}
    told: set[tuple[int | None, str]] = set()
    for place, info in infos[own:]:  # caller and function may both state the type of a result
        if info.name not in known and (place, info.name) not in told:
            told.add((place, info.name))
            found.append((place, info))
    if None not in {place for place, _ in found}:
        found.sort(key=lambda each: each[0] or 0)
    kept = [ValueInfoProto.FromString(i.SerializeToString()) for _, i in found if i.name not in renamed]
    del graph.value_info[:]
    graph.value_info.extend(kept)
