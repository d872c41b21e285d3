"""Explains reads of undefined values (unsorted nodes or cycles), and orders functions callees first."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from onnx import NodeProto

from rewriter.model.index.graph import graphs_of

Key = TypeVar("Key", bound=Hashable)

Levels = Sequence[tuple[Sequence[NodeProto], NodeProto]]
"""The enclosing body and the node itself, then the body of the owner and the owner, and so on outwards."""


class Order(NamedTuple):
    """The reason why a node reads a value that nothing has written yet.

    Attributes:
        fault: the reason in one line.
        late: all values that the nodes of the defining body write, if sorting them is enough; empty
            if no order is valid.
        level: number of bodies from the reader's out to the defining one.
    """

    fault: str
    late: frozenset[str] = frozenset()
    level: int = 0


def fault_of_order(levels: Levels, name: str, where: str) -> Order:
    """The reason why a node reads a value that nothing has written yet.

    Args:
        levels: the position of the node.
        name: of the value.
        where: suffix of names in the message, ' of function f' in functions.
    """
    for level, (body, node) in enumerate(levels):
        nodes = list(body)  # protobuf makes new objects for nodes without a reference
        writers = {output: writer for writer in reversed(nodes) for output in writer.output if output}
        if name not in writers:
            continue
        if circle := _circle(nodes, writers):
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


def _circle(nodes: Sequence[NodeProto], writers: Mapping[str, NodeProto]) -> list[NodeProto]:
    """A cycle of nodes in a body, each reading an output of the next, the first again at the end; or none."""
    number = {id(node): index for index, node in enumerate(nodes)}
    feeding = {
        index: list(dict.fromkeys(number[id(writers[name])] for name in _read_by(node) if name in writers))
        for index, node in enumerate(nodes)
    }
    try:
        list(callees_first(feeding))
    except Circle as found:
        return [nodes[index] for index in found.members]
    return []


def _read_by(node: NodeProto) -> Iterator[str]:
    yield from node.input
    for attribute in node.attribute:
        for graph in graphs_of(attribute):
            for inner in graph.node:
                yield from _read_by(inner)
            for info in graph.output:
                yield info.name


class Circle(Exception):
    """Keys that need each other in a cycle, the first again at the end."""

    def __init__(self, members: Sequence[Any]) -> None:
        super().__init__("a circle")
        self.members = members


def callees_first(needs: Mapping[Key, Iterable[Key]]) -> list[Key]:
    """Order keys so that each comes after all it needs.

    Raises:
        Circle: a key needs itself.
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
    """The name of a node in messages: its name, or its first output if it has none."""
    name = node.name or next(iter(node.output), "")
    return f"{name!r} ({node.op_type})"
