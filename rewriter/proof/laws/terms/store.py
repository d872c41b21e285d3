"""Numbers terms: a node is first rewritten by laws, then equal nodes get equal numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
from onnx import TensorProto, helper

from rewriter.proof.laws.terms.sizes import Dims, Size, number, symbol
from rewriter.proof.laws.terms.term import ABSENT, KNOWN, Array, Node, TensorType, normal

ANY = "*"
"""Stands for every operator among those of a law."""
_SMALL = 4096
"""Maximum bytes of a constant whose key holds its bytes."""
_LONGEST = 1024
"""Maximum number of integers that are read as sizes."""
Content = tuple[object, ...]
Evaluations = tuple[Array, ...]
"""Values of a closed node: one that is certain in all bits, two that are rounded otherwise, or none."""
Infer = Callable[[Node, "Terms"], "tuple[int, tuple[Size | None, ...] | None] | None"]


class TermRule(Protocol):
    """What the store needs of a law."""

    @property
    def name(self) -> str:
        """The name."""

    @property
    def operators(self) -> frozenset[str]:
        """The operators that it may rewrite; `ANY` stands for all."""

    @property
    def rewrite(self) -> Callable[[Node, Terms], int | None]:
        """Function that returns the number of an equal term; None if there is none."""


class Terms:
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
        self._arrays: dict[int, Callable[[], Array]] = {}
        self._loaded: dict[int, Array] = {}
        self._contents: dict[int, Content] = {}
        self._unhashed: dict[tuple[int, tuple[int, ...]], list[int]] = {}
        self._alike: dict[tuple[int, tuple[int, ...]], list[int]] = {}
        self._constants: dict[Content, int] = {}

    # ------------------------------------------------------------------ making terms

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

    # ------------------------------------------------------------------ reading terms

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

    # ------------------------------------------------------------------ constants

    def tensor(
        self, key: Hashable, element: int, dims: Iterable[int], load: Callable[[], Array] | None
    ) -> int:
        """Return the number of a constant in a file; its content is read when a law asks for it.

        Args:
            key: equal for equal contents.
            element: the element type.
            dims: the shape.
            load: returns the content; None if it cannot be read.
        """
        if (known := self._numbers.get(("opaque", ("tensor", key)))) is not None:
            return known
        shape = tuple(dims)
        count = int(np.prod(shape, dtype=np.int64))
        if load is not None and count * 8 <= _SMALL:
            made = self.constant(load())
            self._alike.setdefault((element, shape), []).append(made)
            return made
        made = self.opaque(("tensor", key), element, tuple(map(number, shape)))
        if load is not None:
            self._arrays[made] = load
            self._unhashed.setdefault((element, shape), []).append(made)
            self._alike.setdefault((element, shape), []).append(made)
        return made

    def constant(self, array: Array) -> int:
        """Return the number of a constant, by its content."""
        array = np.ascontiguousarray(array).reshape(array.shape)
        content = self.content_of(array)
        element = helper.np_dtype_to_tensor_dtype(array.dtype)
        for other in self._unhashed.pop((element, array.shape), ()):
            self._constants.setdefault(self.content(other), other)
        if (known := self._constants.get(content)) is not None:
            return known
        made = self.opaque(("constant", content), element, tuple(map(number, array.shape)))
        self._constants[content] = made
        self._contents[made] = content
        self._loaded[made] = array
        return made

    def array(self, term: int) -> Array | None:
        """Return the content of a constant; None for other terms."""
        if term in self._arrays and term not in self._loaded:
            self._loaded[term] = self._arrays[term]()
        return self._loaded.get(term)

    def is_constant(self, term: int) -> bool:
        """Whether the content of a term is known."""
        return term in self._loaded or term in self._arrays

    def content(self, term: int) -> Content:
        """Return a key of a constant's content."""
        if (known := self._contents.get(term)) is None:
            array, element = self.array(term), self.element(term)
            assert array is not None and element is not None
            known = self._contents[term] = _content(element, array)
        return known

    @staticmethod
    def content_of(array: Array) -> Content:
        """Return the key of an array's content."""
        return _content(helper.np_dtype_to_tensor_dtype(array.dtype), array)

    def in_files(self, array: Array) -> bool:
        """Whether a constant of a file has this content."""
        element = helper.np_dtype_to_tensor_dtype(array.dtype)
        content = self.content_of(array)
        return any(self.content(each) == content for each in self._alike.get((element, array.shape), ()))

    def near(self, exact: Array, like: int, scale: Array | None = None, most: int = 8) -> int | None:
        """Return the number of the constant that a computed one stands for.

        It is the constant of the files nearest to the exact value, if it is close in each element. Else it is
        the exact value, rounded once.

        Args:
            exact: the value, in float64.
            like: a constant of the element type that is wanted.
            scale: the sum of the absolute values of the terms of each element; that of the value if None.
            most: the distance from the exact value that is close, in u of the scale.
        """
        element, model = self.element(like), self.array(like)
        if element is None or model is None or not np.isfinite(exact).all():
            return None
        rounded = exact.astype(model.dtype)
        room = most * float(np.finfo(model.dtype).eps) / 2 * (np.abs(exact) if scale is None else scale)
        best: tuple[float, int] | None = None
        for other in self._alike.get((element, exact.shape), ()):
            array = self.array(other)
            if array is not None and np.isfinite(array).all():
                off = np.abs(array.astype(np.float64) - exact)
                if (off <= room).all() and (best is None or (float(off.sum()), other) < best):
                    best = float(off.sum()), other
        return best[1] if best is not None else self.constant(rounded)

    # ------------------------------------------------------------------ integers

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


def _content(element: int, array: Array) -> Content:
    data = np.ascontiguousarray(array).tobytes()
    if len(data) > _SMALL:
        data = hashlib.blake2b(data, digest_size=32).digest()
    return element, array.shape, data


__all__ = ["ABSENT", "KNOWN", "Content", "Infer", "TermRule", "Terms"]
