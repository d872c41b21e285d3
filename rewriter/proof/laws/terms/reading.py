"""Turns the numbers of two models into terms, in order: a key refers to smaller numbers only.

Laws do not look into nodes with bodies, operators of other domains, and inputs of bodies: these stay as
they are. A node that draws random numbers stands for itself alone, whatever it reads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from onnx import TensorProto, TypeProto, helper, numpy_helper

from rewriter.model.operator_set.operators import schema_of
from rewriter.model.tensors import inline_bytes
from rewriter.proof.contents import Key, Table
from rewriter.proof.laws.terms.attributes import completed
from rewriter.proof.laws.terms.sizes import Size, number
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import ABSENT, KNOWN, Array, Node, normal

_PLAIN = 9
"""Length of the key of a node that neither counts separately nor depends on declared types."""


class Reading:
    """Terms of all numbers of a table.

    Attributes:
        terms: number -> its term.
        laws: number -> the laws that were used for it, or for a number that it depends on.
    """

    def __init__(self, table: Table, terms: Terms) -> None:
        self._table, self._terms = table, terms
        keys = list(table.keys)
        self.terms: list[int] = [ABSENT] * (len(keys) + 1)
        self.laws: list[frozenset[str]] = [frozenset()] * (len(keys) + 1)
        for at, key in enumerate(keys, 1):
            if (
                key[0] == "tensor"
            ):  # before all nodes, so that what laws compute finds the constant in the file
                self.terms[at] = self._tensor(at, key)
        for at, key in enumerate(keys, 1):
            if key[0] != "tensor":
                terms.used.clear()
                self.terms[at] = self._term(at, key)
                reads = [self.laws[each] for each in _reads(key)]
                self.laws[at] = frozenset(terms.used).union(*reads)

    def _tensor(self, at: int, key: Key) -> int:
        element, dims, how = key[1], key[2], key[3]
        tensor = self._table.tensors[at]
        readable = element in KNOWN and how != "message" and _is_whole(tensor)
        load: Callable[[], Array] | None = partial(numpy_helper.to_array, tensor) if readable else None
        return self._terms.tensor(at, int(str(element)), _ints(dims), load)

    def _term(self, at: int, key: Key) -> int:
        match key[0]:
            case "node" if len(key) > _PLAIN:
                return self._terms.opaque(("apart", at))
            case "node":
                return self._operator(key)
            case "output":
                index, (whole,) = key[1], _ints(key[2])
                return self._terms.make(normal("output", index, self.terms[whole]))
            case "graph":
                results, apart = (tuple(self.terms[each] for each in _ints(part)) for part in key[2:])
                return self._terms.opaque(("graph", key[1], results, tuple(sorted(apart))))
        return self._leaf(at, key)

    def _leaf(self, at: int, key: Key) -> int:
        """Return the term of an input, or of what laws do not look into."""
        if key[0] == "missing":
            return self._terms.opaque(at, int(str(key[1])), tuple(map(number, _ints(key[2]))))
        return self._input(at, key) if key[0] == "input" else self._terms.opaque(at)

    def _operator(self, key: Key) -> int:
        _, domain, operator, overload, meaning, texts, count, results, reads = key
        inputs = tuple(self.terms[each] for each in _ints(reads))
        version = meaning[0] if isinstance(meaning, tuple) and len(meaning) == 1 else 0
        standard = not domain and not overload and isinstance(version, int) and version > 0
        if standard and count == len(inputs) and _is_valid(str(operator), version, inputs):
            attributes = completed(str(operator), version, _texts(texts), self.terms.__getitem__)
            if attributes is not None:
                return self._terms.make(Node(str(operator), version, attributes, inputs, results))
        return self._terms.opaque((*key[:-1], inputs))

    def _input(self, at: int, key: Key) -> int:
        kind = TypeProto.FromString(key[2])  # type: ignore[arg-type]
        tensor = kind.tensor_type
        if kind.WhichOneof("value") != "tensor_type" or not tensor.elem_type:
            return self._terms.opaque(at)
        dims = tuple(map(self._dim, tensor.shape.dim)) if tensor.HasField("shape") else None
        return self._terms.opaque(at, tensor.elem_type, dims)

    def _dim(self, dim: Any) -> Size | None:
        if dim.HasField("dim_value"):
            return number(dim.dim_value) if dim.dim_value >= 0 else None
        return self._terms.symbol(("named", dim.dim_param)) if dim.dim_param else None


def _is_whole(tensor: TensorProto) -> bool:
    """Whether the content of a tensor is in the file, and fits its shape."""
    data, kind = inline_bytes(tensor), helper.tensor_dtype_to_np_dtype(tensor.data_type)
    return data is not None and len(data) == math.prod(tensor.dims) * kind.itemsize


def _is_valid(operator: str, version: int, inputs: tuple[int, ...]) -> bool:
    """Whether a node has the inputs that its schema demands, so that laws can rely on them."""
    schema = schema_of(operator, "", version)
    if schema is None or not schema.min_input <= len(inputs) <= schema.max_input:
        return False
    return ABSENT not in inputs[: schema.min_input]


def _reads(key: Key) -> Sequence[int]:
    """Return the numbers that a key refers to."""
    match key[0]:
        case "node" | "output":
            return _ints(key[-1])
        case "graph":
            return [*_ints(key[2]), *_ints(key[3])]
    return ()


def _ints(value: object) -> tuple[int, ...]:
    assert isinstance(value, tuple)
    return value


def _texts(value: object) -> tuple[Any, ...]:
    assert isinstance(value, tuple)
    return value
