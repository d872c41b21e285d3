"""Refuses an operator of a runtime in one part of a result that is a function in another part.

A model has one meaning for each domain and name. If a piece brings a function of a name that the model leaves
to runtimes, or the other way round, nodes of the one would call the function of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from itertools import permutations

from onnx import ModelProto, NodeProto

from rewriter.errors import CannotImplant
from rewriter.model.index.functions import Identity, called_by, identity_of
from rewriter.model.index.graph import GraphIndex, with_inner

THE_MODEL = "the model"
"""The name of the part that is no piece."""


@dataclass(frozen=True, slots=True)
class PartOperators:
    """PartOperators of a result: the model without the modules, or a piece.

    Attributes:
        name: its name in messages.
        functions: the functions of the part.
        operators: the operators of its nodes that are no functions of it.
    """

    name: str
    functions: frozenset[Identity]
    operators: frozenset[Identity]

    @classmethod
    def of_model(cls, graph: GraphIndex, gone: Set[int]) -> PartOperators:
        """Return the part that a model is without some nodes."""
        left = (
            node
            for number, node in enumerate(graph.nodes)
            if number not in gone and gone.isdisjoint(graph.enclosing(number))
        )
        return cls._of(THE_MODEL, graph.model, left)

    @classmethod
    def of_piece(cls, piece: ModelProto, name: str) -> PartOperators:
        """Return the part that a piece is."""
        holders = (piece.graph.node, *(function.node for function in piece.functions))
        return cls._of(
            name, piece, (inner for nodes in holders for node in nodes for inner in with_inner(node))
        )

    @classmethod
    def _of(cls, name: str, model: ModelProto, nodes: Iterable[NodeProto]) -> PartOperators:
        functions = frozenset(map(identity_of, model.functions))
        return cls(name, functions, frozenset(map(called_by, nodes)) - functions)


def demand_one_meaning(parts: Sequence[PartOperators]) -> None:
    """Refuse parts that do not agree whether an operator is a function.

    Raises:
        CannotImplant: a node of one part would call a function of another.
    """
    for one, other in permutations(parts, 2):
        if clash := min(one.operators & other.functions, default=None):
            operator = f"{clash[0] or 'ai.onnx'}:{clash[1]}"
            subject = other.name if one.name == THE_MODEL else one.name
            raise CannotImplant(
                f"{subject}: {operator} is an operator of a runtime in {one.name}, and a function in "
                f"{other.name}; give one of them another name, or the function to both"
            )
