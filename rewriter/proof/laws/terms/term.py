"""Nodes, types and contents of terms."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, TensorProto

from rewriter.proof.laws.terms.sizes import Dims

Array = NDArray[Any]
Attribute = tuple[str, int, object]
"""Name, type code of ONNX, and value. A float is the 4 bytes of it, so that 0.0 and -0.0 differ."""

ABSENT = 0
"""Stands for an optional input that is left out."""

FLOATS = frozenset({TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE})
INTEGERS = frozenset(
    {TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64}
    | {TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64}
)
KNOWN = FLOATS | INTEGERS | {TensorProto.BOOL}
"""Element types whose contents are read; others are never evaluated."""


@dataclass(frozen=True, slots=True)
class TensorType:
    """Type of a term.

    Attributes:
        element: ONNX's code of the element type.
        dims: the shape; None if even the rank is unknown.
    """

    element: int
    dims: Dims | None


@dataclass(frozen=True, slots=True)
class Node:
    """Standard operator on terms, with one result unless `results` says otherwise.

    Attributes:
        operator: ONNX's name in the domain ai.onnx; lower-case names are the normal forms of the laws.
        version: the opset that introduced the definition; 0 for normal forms.
        attributes: all attributes, sorted by name.
        inputs: numbers of terms; `ABSENT` for inputs that are left out.
        results: the number of outputs, or for blank outputs whether each is listed.
    """

    operator: str
    version: int
    attributes: tuple[Attribute, ...]
    inputs: tuple[int, ...]
    results: object = 1

    def value(self, name: str, default: Any = None) -> Any:
        """Return the value of an attribute: an int, bytes or a tuple; a float as a number."""
        for known, kind, value in self.attributes:
            if known == name:
                return as_float(value) if kind == AttributeProto.FLOAT else value
        return default

    def input(self, position: int) -> int:
        """Return an input; `ABSENT` if it is left out."""
        return self.inputs[position] if position < len(self.inputs) else ABSENT

    def on(self, *inputs: int) -> Node:
        """Return the same operator on other inputs."""
        return replace(self, inputs=inputs)


def normal(operator: str, value: object, *inputs: int) -> Node:
    """Return a node of a normal form, with one attribute."""
    return Node(operator, 0, (("", 0, value),), inputs)


def as_float(value: object) -> float:
    """Return the number in the 4 bytes of a float attribute."""
    assert isinstance(value, bytes)
    return float(struct.unpack("<f", value)[0])


def float_bytes(value: float) -> bytes:
    """Return a float attribute as 4 bytes."""
    return struct.pack("<f", value)


def same_bits(left: Array, right: Array) -> bool:
    """Whether two arrays have the same type, shape and bytes."""
    return left.dtype == right.dtype and left.shape == right.shape and _bytes(left) == _bytes(right)


def _bytes(array: Array) -> bytes:
    return np.ascontiguousarray(array).tobytes()
