"""Inputs and outputs of a call, in an order that depends on the graph alone.

Inputs are the values that nodes of the region read (including captures of If, Loop and Scan bodies) and that
no node of the region computes. Values other than dense initializers come first, in file order of their first
readers; values that graph bodies only output come after these; dense initializers follow in file order.
Outputs are the values of the region's nodes that outside nodes read or that are outputs of the graph, in
order of the nodes that compute them. A call without inputs and outputs (such as a constant that no other node
reads) outputs its first value, since ONNX has no nodes without inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.regions.region_tree import TOP, Regions, main_node, shared_calls


@dataclass(frozen=True, slots=True)
class Interface:
    """Interface of a region: the numbers of the values that enter and leave."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def find_boundaries(graph: GraphIndex, regions: Regions) -> list[Interface]:
    """Return the interface of every region, with the regions it calls as parts of it.

    The interface of TOP is empty.
    """
    chains = regions.chains()
    reads: list[dict[int, None]] = [{} for _ in chains]
    writes: list[dict[int, None]] = [{} for _ in chains]
    for value, reader in _uses(graph, regions):
        producer = graph.producer[value]
        made = chains[TOP if producer == NONE else regions.region_of[producer] or TOP]
        used = chains[reader]
        together = shared_calls(made, used)
        for number in used[together:]:
            reads[number][value] = None
        for number in made[together:]:
            writes[number][value] = None
    _open_closed(graph, regions, chains, reads, writes)
    return [_ordered(graph, ins, outs) for ins, outs in zip(reads, writes, strict=True)]


def _uses(graph: GraphIndex, regions: Regions) -> Iterator[tuple[int, int]]:
    """Yield (value of the main graph, region that reads it).

    Reads by nodes come first, in file order. Then the region of a body's owner reads the body's results.
    Last, TOP reads the graph's outputs.
    """
    main = set(graph.bodies[0].values.values())
    for node, values in enumerate(graph.reads):
        region = regions.region_of[main_node(graph, node)]
        if region is not None:
            yield from ((value, region) for value in values if value in main)
    for body in graph.bodies[1:]:
        region = regions.region_of[main_node(graph, body.owner)] if body.owner != NONE else None
        if region is not None:
            yield from ((value, region) for value in body.results if value in main)
    yield from ((value, TOP) for value in graph.bodies[0].results if value in main)


def _open_closed(
    graph: GraphIndex,
    regions: Regions,
    chains: list[tuple[int, ...]],
    reads: list[dict[int, None]],
    writes: list[dict[int, None]],
) -> None:
    """Give every region without inputs and outputs its first value as output.

    The regions inside it, down to the one that computes the value, output it too.
    """
    for node, region in enumerate(regions.region_of):
        made = [value for value in graph.writes[node] if value != NONE]
        chain = () if region is None or not made else chains[region]
        for depth, number in enumerate(chain):
            if number != TOP and not reads[number] and not writes[number]:
                for inside in chain[depth:]:
                    writes[inside][made[0]] = None


def _ordered(graph: GraphIndex, reads: dict[int, None], writes: dict[int, None]) -> Interface:
    # Values are numbered in the order in which the file defines them.
    weights = sorted(value for value in reads if value in graph.initializers)
    return Interface(
        (*(value for value in reads if value not in graph.initializers), *weights), tuple(sorted(writes))
    )
