"""What a model wants to be fed: its real inputs, their element types and their dimensions."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

import onnx

Dim = int | str | None
"""A size, the text of a symbolic dimension, or None where the file says nothing."""

_LONGEST_EXPRESSION = 200


class FeedError(ValueError):
    """The model has an input that no array can be drawn for; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input of the main graph that no initializer fills.

    Attributes:
        name: its name in the file.
        element: `TensorProto.DataType` of its elements.
        dims: one entry per axis; None for a tensor of unknown rank.
    """

    name: str
    element: int
    dims: tuple[Dim, ...] | None


def signature(model: onnx.ModelProto) -> tuple[Input, ...]:
    """The inputs that must be fed, in the order of the file.

    Before IR version 4 every initializer is listed as an input, and later ones may be: those are left out.

    Raises:
        FeedError: an input is no dense tensor, or has no element type.
    """
    graph = model.graph
    filled = {tensor.name for tensor in graph.initializer}
    filled.update(tensor.values.name for tensor in graph.sparse_initializer)
    return tuple(_input(value) for value in graph.input if value.name not in filled)


def _input(value: onnx.ValueInfoProto) -> Input:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        called = kind.removesuffix("_type").replace("_", " ") if kind else "no type"
        raise FeedError(f"input {value.name!r} is no tensor ({called})")
    tensor = value.type.tensor_type
    try:
        onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    except (KeyError, ValueError, TypeError):
        raise FeedError(f"input {value.name!r} has an unknown element type ({tensor.elem_type})") from None
    return Input(value.name, tensor.elem_type, dims_of(tensor))


def dims_of(tensor: onnx.TypeProto.Tensor) -> tuple[Dim, ...] | None:
    """The dimensions a tensor type states. Negative sizes count as unknown: some writers mean that."""
    if not tensor.HasField("shape"):
        return None
    dims: list[Dim] = []
    for dim in tensor.shape.dim:
        if dim.WhichOneof("value") == "dim_value":
            dims.append(dim.dim_value if dim.dim_value >= 0 else None)
        else:
            dims.append(dim.dim_param or None)
    return tuple(dims)


def names_in(expression: str) -> frozenset[str]:
    """The names a dimension such as `past + sequence` is made of; empty if it is no arithmetic of several."""
    tree = _parsed(expression)
    if tree is None or isinstance(tree, ast.Name):
        return frozenset()
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


def evaluate(expression: str, sizes: Mapping[str, int]) -> int | None:
    """The size a symbolic dimension has; None where a name is unknown or the text is no integer arithmetic.

    A text that is a key of `sizes` is that size, whatever it looks like.
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
        case ast.BinOp(left=left, op=operator, right=right):
            a, b = _value(left, sizes), _value(right, sizes)
            return None if a is None or b is None else _combined(a, operator, b)
    return None


def _combined(a: int, operator: ast.operator, b: int) -> int | None:
    match operator:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.FloorDiv() | ast.Div() if b:
            return a // b
        case ast.Mod() if b:
            return a % b
    return None
