"""Inputs and their sizes. Importing the module does not import onnx, which takes a tenth of a second."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from rewriter.runtime.child.job import TaskError

Dim = int | str | None
"""A size, the text of a symbolic dimension, or None for an unknown size."""

STRING = 8
"""`TensorProto.STRING`."""
_CODES = ("f4", "u1", "i1", "u2", "i2", "i4", "i8", "O", "?", "f2", "f8", "u4", "u8", "c8", "c16")
_PLAIN = dict(enumerate(_CODES, start=1))
"""`TensorProto.DataType` -> numpy's code, for the types that numpy has."""

_OF_UNKNOWN_TABLE = 2
"""Assumed size of a table whose size is unknown."""
_LONGEST_EXPRESSION = 200
_ARITHMETIC: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.floordiv,
    ast.Mod: operator.mod,
}


class FeedError(TaskError):
    """Raised if no arrays can be drawn for the inputs of a model; the text has the reason."""


@dataclass(frozen=True, slots=True)
class Input:
    """Input of the main graph without an initializer.

    Attributes:
        name: its name in the file.
        element: `TensorProto.DataType` of its elements.
        dims: one entry per axis; None for a tensor of unknown rank.
    """

    name: str
    element: int
    dims: tuple[Dim, ...] | None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The numpy type of its elements; narrow floats and integers have types of `ml_dtypes`."""
        if code := _PLAIN.get(self.element):
            return np.dtype(code)
        from onnx.helper import tensor_dtype_to_np_dtype

        return tensor_dtype_to_np_dtype(self.element)


@dataclass(frozen=True, slots=True)
class Bound:
    """Bound of an index x: `scale * x + offset` must be below `dim`, the size of a table.

    A table of unknown size (None, or an unknown symbol) is assumed to be small.
    """

    dim: Dim
    scale: int = 1
    offset: int = 0

    def limit(self, sizes: Mapping[str, int]) -> int:
        """Return the number of values x = 0, 1, ... that index the table; at least 1."""
        dim = evaluate(self.dim, sizes) if isinstance(self.dim, str) else self.dim
        size = _OF_UNKNOWN_TABLE if dim is None else dim
        return max(1, (size - 1 - self.offset) // self.scale + 1)


@dataclass(frozen=True, slots=True)
class Rounds:
    """Inputs and sizes that may determine the iterations of a model's Loops, or the branches of its Ifs.

    Attributes:
        inputs: names of the inputs whose elements may determine the number of iterations.
        branches: names of the inputs whose elements may determine a branch.
        sizes: whether sizes of tensors may determine the number of iterations, too.
    """

    inputs: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    sizes: bool = False

    def __bool__(self) -> bool:
        return bool(self.inputs) or bool(self.branches) or self.sizes


def names_in(expression: str) -> frozenset[str]:
    """Return the names in a dimension such as `past + sequence`.

    Empty for a single name, and for text that Python cannot parse.
    """
    tree = _parsed(expression)
    if tree is None or isinstance(tree, ast.Name):
        return frozenset()
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def evaluate(expression: str, sizes: Mapping[str, int]) -> int | None:
    """Return the size of a symbolic dimension.

    A text that is a key of `sizes` has that size, even if it looks like arithmetic. Other texts may combine
    known names and integers by +, -, *, //, / (which rounds down) and %. The result is None for all others,
    and for a division by 0.
    """
    if expression in sizes:
        return sizes[expression]
    tree = _parsed(expression)
    return None if tree is None else _value(tree, sizes)


def _parsed(expression: str) -> ast.expr | None:
    if len(expression) > _LONGEST_EXPRESSION:
        return None
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def _value(tree: ast.expr, sizes: Mapping[str, int]) -> int | None:
    match tree:
        case ast.Name(id=name):
            return sizes.get(name)
        case ast.Constant(value=int(number)):
            return int(number)
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _value(left, sizes), _value(right, sizes)
            compute = _ARITHMETIC.get(type(op))
            if a is not None and b is not None and compute is not None:
                with suppress(ZeroDivisionError):
                    return compute(a, b)
    return None
