"""Orders the parts of every level: topologically, and by file order where several orders are valid."""

from __future__ import annotations

import heapq

from rewriter.model.index.graph import GraphIndex
from rewriter.regions.level_graphs import Part, level_edges
from rewriter.regions.region_tree import TOP, Regions


def order_parts(graph: GraphIndex, regions: Regions) -> list[list[Part]] | None:
    """Return, for each region, its own nodes and the regions it calls, in a valid order.

    Kahn's algorithm (1962) sorts every level, the part with the earliest node first. Regions without any node
    are left out. None if a level has a cycle: `convex.make_convex` finds and resolves it.
    """
    first = _first_nodes(regions)
    parts: list[list[Part]] = [[(False, node) for node in region.nodes] for region in regions.regions]
    for number, region in enumerate(regions.regions):
        if number != TOP and number in first:
            parts[region.parent].append((True, number))
    after: dict[Part, set[Part]] = {}
    waiting: dict[Part, int] = {}
    for left, right in level_edges(graph, regions):
        readers = after.setdefault(left, set())
        if right not in readers:
            readers.add(right)
            waiting[right] = waiting.get(right, 0) + 1
    order = [_sorted(of_region, after, waiting, first) for of_region in parts]
    return order if list(map(len, order)) == list(map(len, parts)) else None


def _first_nodes(regions: Regions) -> dict[int, int]:
    """Map each region to the earliest node of it and of the regions it calls."""
    first: dict[int, int] = {}
    for chain, region in zip(regions.chains(), regions.regions, strict=True):
        if region.nodes:
            for number in chain:
                first[number] = min(first.get(number, region.nodes[0]), region.nodes[0])
    return first


def _sorted(
    parts: list[Part], after: dict[Part, set[Part]], waiting: dict[Part, int], first: dict[int, int]
) -> list[Part]:
    def earliest(part: Part) -> int:
        is_region, number = part
        return first[number] if is_region else number

    ready = [(earliest(part), part) for part in parts if not waiting.get(part)]
    heapq.heapify(ready)
    order = []
    while ready:
        _, part = heapq.heappop(ready)
        order.append(part)
        for reader in after.get(part, ()):
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(ready, (earliest(reader), reader))
    return order
