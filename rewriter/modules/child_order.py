"""Sorts the children of each module by the order of their calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath

_Start = tuple[bool, int]
"""Whether all nodes of a module are `Constant` nodes; its first other node, or else its first node."""


def starts_of(
    graph: GraphIndex, own: Mapping[ModulePath, Sequence[int]], innermost_first: Iterable[ModulePath]
) -> dict[ModulePath, _Start]:
    """Map each module to its start, with the nodes of all modules below; a module without nodes is absent.

    A `Constant` node counts only if no other node is there, since exporters and tools move constants to the
    front.

    Args:
        graph: the model.
        own: module -> its own nodes, ascending.
        innermost_first: all modules, each behind the modules below it.
    """
    found: dict[ModulePath, _Start] = {}
    for path in innermost_first:
        if nodes := own[path]:
            first = next((node for node in nodes if graph.operators[node][1] != "Constant"), None)
            start = (first is None, nodes[0] if first is None else first)
            found[path] = min(start, found.get(path, start))
        if path in found and (parent := path.parent) is not None:
            found[parent] = min(found[path], found.get(parent, found[path]))
    return found


def in_call_order(children: Sequence[ModulePath], starts: Mapping[ModulePath, _Start]) -> list[ModulePath]:
    """Return the children of one module in the order of their starts.

    Children without a node come last. But if the numbers of the other children ascend, a numbered child
    without a node comes before the first larger number.
    """
    found = sorted((child for child in children if child in starts), key=lambda child: starts[child])
    numbers = [number for child in found if (number := _number(child)) is not None]
    ascending = numbers == sorted(numbers)
    for child in children:
        if child not in starts:
            number = _number(child) if ascending else None
            found.insert(len(found) if number is None else _place(found, number), child)
    return found


def _number(path: ModulePath) -> int | None:
    """Return the number that names an item of a list; None for other names and from ten digits on."""
    name = path.name
    return int(name) if name.isascii() and name.isdecimal() and len(name) < 10 else None


def _place(siblings: Sequence[ModulePath], number: int) -> int:
    """Return the position of the first sibling with a larger number; the end if there is none."""
    larger = (place for place, path in enumerate(siblings) if (_number(path) or 0) > number)
    return next(larger, len(siblings))
