"""Rounds what chosen nodes read and write to half precision, by two Casts behind each value.

A Cast to half precision rounds to the nearest number of that type, and makes infinity of a number beyond its
range; the Cast back to float32 is exact. The nodes themselves compute in float32, so a sum of many products
is rounded once. A device that also adds in half precision rounds more often.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Set

from onnx import ModelProto, NodeProto, TensorProto, helper

_EXACT, _HALF, _ROUNDED = ". exact", ". half", ". rounded"
"""Suffixes of the names of a result before it is rounded, in half precision, and of a rounded operand."""


def rounded(model: ModelProto, nodes: Collection[int], floats: Set[str], to: int) -> ModelProto:
    """Return a copy in which the operands and results of nodes are rounded.

    A result keeps its name, so all its readers read it rounded. An operand that no chosen node writes (an
    input, a weight, a result of another node) is rounded for the chosen nodes alone.

    Args:
        model: the model; external weights stay in their files.
        nodes: numbers of nodes of the main graph.
        floats: the values of the main graph with elements in float32, initializers and inputs included.
        to: `TensorProto.FLOAT16` or `BFLOAT16`.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    chosen = frozenset(nodes)
    written = {name for number in chosen for name in model.graph.node[number].output} & floats
    made: list[NodeProto] = []
    known: set[str] = set()
    for number, node in enumerate(copy.graph.node):
        if number in chosen:
            for name in dict.fromkeys(node.input):
                if name in floats and name not in written and name not in known:
                    known.add(name)
                    made.extend(_casts(name, name, f"{name}{_ROUNDED}", to))
            node.input[:] = [f"{name}{_ROUNDED}" if name in known else name for name in node.input]
        made.append(node)
        if number in chosen:
            results = [name for name in node.output if name in floats]
            node.output[:] = [f"{name}{_EXACT}" if name in floats else name for name in node.output]
            for name in results:
                made.extend(_casts(name, f"{name}{_EXACT}", name, to))
    nodes_of_copy = [_copy(node) for node in made]
    del copy.graph.node[:]
    copy.graph.node.extend(nodes_of_copy)
    return copy


def _casts(name: str, source: str, target: str, to: int) -> Iterator[NodeProto]:
    """Yield the nodes that round `source` to `target`; `name` makes the names unique."""
    half = f"{name}{_HALF}{'' if target == name else _ROUNDED}"
    yield helper.make_node("Cast", [source], [half], to=to)
    yield helper.make_node("Cast", [half], [target], to=TensorProto.FLOAT)


def _copy(node: NodeProto) -> NodeProto:
    made = NodeProto()
    made.CopyFrom(node)
    return made
