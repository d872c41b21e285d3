"""Numbers terms: a node is first rewritten by laws, then equal nodes get equal numbers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Protocol

import numpy as np
from onnx import TensorProto

from rewriter.proof.laws.terms.constants import ConstantTerms, Content, Evaluations
from rewriter.proof.laws.terms.sizes import Dims, Size, number, symbol
from rewriter.proof.laws.terms.term import ABSENT, Node, TensorType, normal

ANY = "*"
"""Stands for every operator among those of a law."""
_LONGEST = 1024
"""Maximum number of integers that are read as sizes."""
Infer = Callable[[Node, "Terms"], "tuple[int, tuple[Size | None, ...] | None] | None"]


class TermRule(Protocol):
    """The part of a law that the store uses."""

    @property
    def name(self) -> str:
        """The name."""

    @property
    def operators(self) -> frozenset[str]:
        """The operators that it may rewrite; `ANY` stands for all."""

    @property
    def rewrite(self) -> Callable[[Node, Terms], int | None]:
        """Function that returns the number of an equal term; None if there is none."""


class Terms(ConstantTerms):
    """Numbered terms of two models.

    Args:
        laws: the laws, in the order in which they are tried.
        infer: returns element type and dimensions of a node's result; None if it knows nothing.
        evaluated: content of closed nodes -> their values.

    Attributes:
        used: names of the laws that were used since the caller last emptied it.
        wanted: closed nodes without a value: number -> node.
    """

    def __init__(
        self, laws: Sequence[TermRule], infer: Infer, evaluated: Mapping[Content, Evaluations]
    ) -> None:
        super().__init__()
        self._laws = laws
        self._laws_of: dict[str, list[TermRule]] = {}
        self._infer = infer
        self.evaluated = evaluated
        self.used: set[str] = set()
        self.wanted: dict[int, Node] = {}
        self._numbers: dict[Hashable, int] = {}
        self._nodes: list[Node | None] = [None]
        self._types: list[TensorType | None] = [None]
        self._normal: dict[Node, tuple[int, frozenset[str]]] = {}
        self._symbols: dict[Hashable, int] = {}

    def make(self, node: Node) -> int:
        """Return the number of a node, after laws have rewritten it."""
        if (found := self._normal.get(node)) is None:
            before, self.used = self.used, set()
            number_ = self._rewritten(node)
            found = self._normal[node] = number_, frozenset(self.used)
            self.used = before
        self.used |= found[1]
        return found[0]

    def _rewritten(self, node: Node) -> int:
        operator = node.operator
        if (laws := self._laws_of.get(operator)) is None:
            laws = [law for law in self._laws if operator in law.operators or ANY in law.operators]
            self._laws_of[operator] = laws
        for law in laws:
            if (equal := law.rewrite(node, self)) is not None:
                self.used.add(law.name)
                return equal
        return self.keep(node)

    def keep(self, node: Node) -> int:
        """Return the number of a node as it is."""
        if (known := self._numbers.get(node)) is not None:
            return known
        inferred = self._infer(node, self) if node.results == 1 else None
        return self._add(node, node, inferred)

    def opaque(
        self, key: Hashable, element: int | None = None, dims: tuple[Size | None, ...] | None = None
    ) -> int:
        """Return the number of a term that laws do not look into."""
        if (known := self._numbers.get(("opaque", key))) is not None:
            return known
        return self._add(("opaque", key), None, None if element is None else (element, dims))

    def _add(
        self, key: Hashable, node: Node | None, inferred: tuple[int, tuple[Size | None, ...] | None] | None
    ) -> int:
        made = self._numbers[key] = len(self._nodes)
        self._nodes.append(node)
        self._types.append(None if inferred is None else self._complete(made, *inferred))
        return made

    def _complete(self, made: int, element: int, dims: tuple[Size | None, ...] | None) -> TensorType:
        """Give each unknown dimension a symbol of its own."""
        if dims is None:
            return TensorType(element, None)
        known = [self.symbol(("axis", made, at)) if dim is None else dim for at, dim in enumerate(dims)]
        return TensorType(element, tuple(known))

    def symbol(self, name: Hashable) -> Size:
        """Return the size with a name."""
        return symbol(self._symbols.setdefault(name, len(self._symbols)))

    def node(self, term: int, *operators: str) -> Node | None:
        """Return the node of a term, if it has one of these operators; of any if none is given."""
        node = self._nodes[term]
        return node if node is not None and (not operators or node.operator in operators) else None

    def type(self, term: int) -> TensorType | None:
        """Return the type of a term; None if nothing is known."""
        return self._types[term]

    def dims(self, term: int) -> Dims | None:
        """Return the shape of a term; None if its rank is unknown."""
        kind = self._types[term]
        return None if kind is None else kind.dims

    def dims_of(self, node: Node) -> Dims | None:
        """Return the shape of a node's result; None unless every dimension is known."""
        inferred = self._infer(node, self)
        if inferred is None or inferred[1] is None or None in inferred[1]:
            return None
        return tuple(dim for dim in inferred[1] if dim is not None)

    def element(self, term: int) -> int | None:
        """Return the element type of a term; None if it is unknown."""
        kind = self._types[term]
        return None if kind is None else kind.element

    def integers(self, term: int) -> tuple[Size, ...] | None:
        """Return the elements of an int64 scalar or list, as sizes; None if they are not known."""
        kind = self._types[term]
        if term == ABSENT or kind is None or kind.element != TensorProto.INT64 or kind.dims is None:
            return None
        if (node := self.node(term, "sizes", "size")) is not None:
            found: tuple[Size, ...] = node.value("")
            return found
        if len(kind.dims) > 1 or not self.is_constant(term) or (self._count(kind.dims) or 0) > _LONGEST:
            return None
        array = self.array(term)
        return None if array is None else tuple(number(int(each)) for each in array.reshape(-1))

    def numbers(self, term: int) -> tuple[int, ...] | None:
        """Return the elements of an int64 scalar or list; None if they are not known."""
        sizes = self.integers(term)
        if sizes is None or any(size.number is None for size in sizes):
            return None
        return tuple(size.number for size in sizes if size.number is not None)

    def sizes(self, sizes: Sequence[Size], rank: int) -> int:
        """Return the number of an int64 scalar or list of sizes."""
        numbers = [size.number for size in sizes]
        if None not in numbers:
            array = np.array(numbers, dtype=np.int64)
            return self.constant(array.reshape(()) if rank == 0 else array)
        return self.keep(normal("sizes" if rank else "size", tuple(sizes)))

    @staticmethod
    def _count(dims: Dims) -> int | None:
        counts = [dim.number for dim in dims]
        return None if None in counts else int(np.prod([each or 0 for each in counts], dtype=np.int64))
