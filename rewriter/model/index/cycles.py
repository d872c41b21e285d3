"""Orders nodes by dataflow and functions callees first; explains reads of values that are not yet written."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from onnx import GraphProto, NodeProto

from rewriter.model.index.graph import graphs_of

Key = TypeVar("Key", bound=Hashable)

Levels = Sequence[tuple[Sequence[NodeProto], NodeProto]]
"""Pairs of a body and a node in it, from the inside out: the reader, the owner of its body, and so on."""


class Order(NamedTuple):
    """Fault of a node that reads a value before any node has written it.

    Attributes:
        fault: the fault in one line.
        late: all values that nodes of the defining body write, if sorting these nodes is enough; else empty.
        level: number of steps outwards from the reader's body to the defining body.
    """

    fault: str
    late: frozenset[str] = frozenset()
    level: int = 0


def fault_of_order(levels: Levels, name: str, where: str) -> Order:
    """Return the reason why a node reads a value that no node has written yet.

    Args:
        levels: the position of the node, from the inside out.
        name: the name of the value.
        where: text after names in the message: ' of function f' inside a function, else ''.
    """
    for level, (body, node) in enumerate(levels):
        nodes = list(body)
        writers = {output: writer for writer in reversed(nodes) for output in writer.output if output}
        if name not in writers:
            continue
        if circle := _circle(nodes):
            return Order(
                f"the nodes {' -> '.join(map(title, circle))}{where} feed each other; export it again"
            )
        return Order(
            f"the nodes{where} are not sorted: {title(node)} reads {name!r} before "
            f"{title(writers[name])} writes it; sort them",
            frozenset(writers),
            level,
        )
    return Order(f"{title(levels[0][1])} reads {name!r}{where}, which nothing writes; export it again")


def _circle(nodes: Sequence[NodeProto]) -> list[NodeProto]:
    """Return a cycle of nodes, each reading an output of the next, the first again at the end; else []."""
    try:
        in_dataflow_order(nodes)
    except Circle as found:
        return [nodes[index] for index in found.members]
    return []


def in_dataflow_order(
    nodes: Sequence[NodeProto], draws_among: Callable[[Sequence[NodeProto]], Sequence[int]] = lambda nodes: ()
) -> list[int]:
    """Return the positions of the nodes of one body, each after the nodes whose outputs it reads.

    The order is stable: nodes that another reads too early move before their first reader, in the order of
    the file, and all others keep their order. A node also reads the values that its graph bodies capture.

    Args:
        nodes: the nodes.
        draws_among: returns the positions of nodes that draw random numbers; it is not called if the nodes
            are sorted. Each draw comes after the draws before it in the file, unless one that precedes it in
            the file needs a later one.

    Raises:
        Circle: nodes feed each other; the members are positions.
    """
    writers = {name: at for at in range(len(nodes) - 1, -1, -1) for name in nodes[at].output if name}
    feeding = {
        at: sorted({writers[name] for name in _read_by(node) if name in writers})
        for at, node in enumerate(nodes)
    }
    order = callees_first(feeding)
    if order == list(range(len(nodes))) or len(draws := draws_among(nodes)) < 2:
        return order
    for earlier, later in pairwise(_first_possible(feeding, draws)):
        feeding[later].append(earlier)
    return callees_first(feeding)


def _first_possible(feeding: Mapping[int, Sequence[int]], draws: Sequence[int]) -> list[int]:
    """Return the draws, always the first in the file whose needs are met (Kahn's algorithm)."""
    readers: dict[int, list[int]] = {at: [] for at in feeding}
    for at, needs in feeding.items():
        for need in needs:
            readers[need].append(at)
    missing = {at: len(needs) for at, needs in feeding.items()}
    drawing = set(draws)
    found: list[int] = []
    others = [at for at, needs in feeding.items() if not needs and at not in drawing]
    ready = [at for at in draws if not feeding[at]]  # ascending, so a heap
    while others or ready:
        if others:
            done = others.pop()
        else:
            found.append(done := heappop(ready))
        for reader in readers[done]:
            missing[reader] -= 1
            if not missing[reader]:
                heappush(ready, reader) if reader in drawing else others.append(reader)
    return found


def _read_by(node: NodeProto) -> Iterator[str]:
    """Yield the names that a node reads, and those that its graph bodies capture."""
    yield from node.input
    for attribute in node.attribute:
        for graph in graphs_of(attribute):
            yield from captured_by(graph)


def captured_by(graph: GraphProto) -> Iterator[str]:
    """Yield the names that a graph body reads and does not define."""
    own = {info.name for info in graph.input} | {tensor.name for tensor in graph.initializer}
    own.update(each.values.name for each in graph.sparse_initializer)
    own.update(name for node in graph.node for name in node.output)
    for inner in graph.node:
        yield from (name for name in _read_by(inner) if name not in own)
    yield from (info.name for info in graph.output if info.name not in own)


class Circle(Exception):
    """Exception for keys that need each other in a cycle: `members`, the first again at the end."""

    def __init__(self, members: Sequence[Any]) -> None:
        super().__init__("a circle")
        self.members = members


def callees_first(needs: Mapping[Key, Iterable[Key]]) -> list[Key]:
    """Return the keys, each after all keys that it needs.

    Raises:
        Circle: a key needs itself, directly or through others.
    """
    done: dict[Key, bool] = {}  # False while its needs are visited
    order: list[Key] = []
    for start in needs:
        if start in done:
            continue
        done[start] = False
        path = [(start, iter(needs[start]))]
        while path:
            member, waiting = path[-1]
            following = next((each for each in waiting if not done.get(each, False)), None)
            if following is None:
                done[member] = True
                order.append(member)
                path.pop()
            elif following in done:
                names = [each for each, _ in path]
                raise Circle([*names[names.index(following) :], following])
            else:
                done[following] = False
                path.append((following, iter(needs[following])))
    return order


def title(node: NodeProto) -> str:
    """Return a node as shown in messages: its name, or its first output if it has none, and its operator."""
    name = node.name or next(iter(node.output), "")
    return f"{name!r} ({node.op_type})"
