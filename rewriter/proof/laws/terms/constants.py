"""Terms that are constants: those of files, read when a law asks for them, and those that laws compute."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable

import numpy as np
from onnx import helper

from rewriter.proof.laws.terms.sizes import Size, number
from rewriter.proof.laws.terms.term import Array

_SMALL = 4096
"""Maximum bytes of a constant whose key holds its bytes."""
_SAMPLE = 64
Content = tuple[object, ...]
Evaluations = tuple[Array, ...]
"""Values of a closed node: one that is certain in all bits, two that are rounded otherwise, or none."""


class ConstantTerms(ABC):
    """Constants of two models by content, as part of their terms."""

    def __init__(self) -> None:
        self._arrays: dict[int, Callable[[], Array]] = {}
        self._loaded: dict[int, Array] = {}
        self._contents: dict[int, Content] = {}
        self._unhashed: dict[tuple[int, tuple[int, ...]], list[int]] = {}
        self._alike: dict[tuple[int, tuple[int, ...]], list[int]] = {}
        self._constants: dict[Content, int] = {}

    @abstractmethod
    def opaque(
        self, key: Hashable, element: int | None = None, dims: tuple[Size | None, ...] | None = None
    ) -> int:
        """Return the number of a term that laws do not look into."""

    @abstractmethod
    def element(self, term: int) -> int | None:
        """Return the element type of a term; None if it is unknown."""

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
        with np.errstate(over="ignore"):
            rounded = exact.astype(model.dtype)
        if not np.isfinite(rounded).all():
            return None
        room = most * float(np.finfo(model.dtype).eps) / 2 * (np.abs(exact) if scale is None else scale)
        best: tuple[float, int] | None = None
        for other in self._alike.get((element, exact.shape), ()):
            array = self.array(other)
            if array is None or not _is_near(array, exact, room, _SAMPLE):
                continue
            if np.isfinite(array).all():
                off = np.abs(array.astype(np.float64) - exact)
                if (off <= room).all() and (best is None or (float(off.sum()), other) < best):
                    best = float(off.sum()), other
        return best[1] if best is not None else self.constant(rounded)


def _is_near(array: Array, exact: Array, room: Array, count: int) -> bool:
    """Whether the first elements of an array are near their exact values; a quick test before that of all."""
    first = array.reshape(-1)[:count].astype(np.float64) - exact.reshape(-1)[:count]
    return bool((np.abs(first) <= room.reshape(-1)[:count]).all())


def _content(element: int, array: Array) -> Content:
    data = np.ascontiguousarray(array).tobytes()
    if len(data) > _SMALL:
        data = hashlib.blake2b(data, digest_size=32).digest()
    return element, array.shape, data
