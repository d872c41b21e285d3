"""Finds formulas of tensors that the dynamo exporter computed from parameters by few operators of torch.

The exporter names a value after torch's operator (`exp`, `t_1`; `val_3` within one operator), and onnxscript
records for a tensor that it computed all values behind it. So `exp` from the parameter `scale` alone is its
exponential, and `neg` from `A_log` and `exp` is `-exp(A_log)`. A constant factor is lost, so a product
with one has no formula.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import prod

import numpy as np

from rewriter.checkpoints.content.kinds.functions import Mapped
from rewriter.checkpoints.formula import Formula, Key, Permuted, Read, Reshaped
from rewriter.checkpoints.names.recorded_state import ShapeOf, state_of
from rewriter.evidence.metadata.dynamo import FX_NODE, folded_from
from rewriter.evidence.parameters.parameter_names import readers_of
from rewriter.model.index.graph import GraphIndex
from rewriter.model.metadata import get
from rewriter.model.tensors import Array

_INNER = re.compile(r"val_\d+$")
_NUMBER = re.compile(r"_\d+$")
_FUNCTIONS = {
    "exp": ("exp", 1.0),
    "sigmoid": ("sigmoid", 1.0),
    "tanh": ("tanh", 1.0),
    "sqrt": ("square root", 1.0),
    "reciprocal": ("reciprocal", 1.0),
    "abs": ("abs", 1.0),
    "relu": ("relu", 1.0),
    "log": ("log", 1.0),
    "neg": ("", -1.0),
}
"""Operator of torch -> the function of each element, and its sign."""
_TURNS = ("t", "transpose", "permute")
_SAME_ORDER = frozenset(
    {"view", "reshape", "_unsafe_view", "unsqueeze", "squeeze", "flatten", "clone", "contiguous"}
)
"""Operators that keep the elements in their order."""
_OF_SEVERAL = {"add": np.add, "mul": np.multiply}
_LAYERS = {"PRelu": "aten.prelu.default"}
"""Operator of ONNX -> the operator of torch that gives it a parameter in another shape."""


@dataclass(frozen=True, slots=True)
class Combined:
    """The sum (`add`) or product (`mul`) of parameters, as `numpy.broadcast_to` aligns them."""

    operator: str
    keys: tuple[str, ...]

    def evaluate(self, read: Read) -> Array:
        """Return the result, in double precision.

        Raises:
            ValueError: the shapes do not fit.
        """
        values = (read(key).astype(np.float64) for key in self.keys)
        return np.asarray(reduce(_OF_SEVERAL[self.operator], values))

    def __str__(self) -> str:
        return {"add": " + ", "mul": " * "}[self.operator].join(self.keys)


def computed_from(graph: GraphIndex, value: int, shape_of: ShapeOf) -> Formula | None:
    """Return the formula that names and record of a computed tensor show; None if they do not.

    Args:
        graph: the model.
        value: the tensor.
        shape_of: name of a parameter in the file -> its shape in the new checkpoint; None if it has none.
    """
    record, state, name = folded_from(graph).get(value, ()), state_of(graph), str(graph.value_names[value])
    shapes = {key: shape for key in record if key in state and (shape := shape_of(key)) is not None}
    others = [each for each in record if each not in state]
    if not shapes or len(shapes) + len(others) < len(record) or value not in graph.initializers:
        return None
    dims = tuple(graph.initializers[value].dims)
    if len(shapes) > 1:
        return _of_several(shapes, [*others, name], dims)
    ((key, shape),) = shapes.items()
    if prod(shape) != prod(dims):
        return None
    if _INNER.match(name):
        shown = all(map(_INNER.match, others)) and _gives_to_layer(graph, value)
        return Reshaped(Key(key), dims) if shown else None
    return (
        _turned(key, shape, dims, name)
        if not others and _base(name) in _TURNS
        else _of_one(key, dims, others, name)
    )


def _base(name: str) -> str:
    """Return the operator of torch after which a value is named."""
    return _NUMBER.sub("", name)


def _of_several(
    shapes: Mapping[str, tuple[int, ...]], names: Sequence[str], dims: tuple[int, ...]
) -> Formula | None:
    """Return a sum or product: as many operators as connect the parameters read each of them once."""
    operators = set(map(_base, names))
    if len(operators) != 1 or not operators <= _OF_SEVERAL.keys() or len(names) != len(shapes) - 1:
        return None
    try:
        fits = np.broadcast_shapes(*shapes.values()) == dims
    except ValueError:
        return None
    return Combined(operators.pop(), tuple(shapes)) if fits else None


def _turned(key: str, shape: tuple[int, ...], dims: tuple[int, ...], name: str) -> Formula | None:
    """Return the parameter with its axes in the order that the sizes show; torch's `t` needs no such sign."""
    if _base(name) == "t":
        return Permuted(Key(key), (1, 0)) if shape[::-1] == dims and len(dims) == 2 else None
    distinct = len(set(shape)) == len(shape) and sorted(shape) == sorted(dims)
    return Permuted(Key(key), tuple(map(shape.index, dims))) if distinct else None


def _of_one(key: str, dims: tuple[int, ...], others: Sequence[str], name: str) -> Formula | None:
    """Return the parameter in another shape, or one or two functions of its elements."""
    inner = [_base(each) for each in others if not _INNER.match(each)]
    functions = [each for each in (*inner, _base(name)) if each not in _SAME_ORDER]
    if not functions:
        return Reshaped(Key(key), dims)
    known = len(inner) == len(others) and len(functions) <= 2 and functions[-1] == _base(name)
    if not known or not set(functions) <= _FUNCTIONS.keys():
        return None
    formula: Formula = Key(key)
    for each in functions:
        formula = Mapped(formula, *_FUNCTIONS[each])
    return Reshaped(formula, dims)


def _gives_to_layer(graph: GraphIndex, value: int) -> bool:
    """Whether a tensor is the second operand of one node that takes it in the shape of the channels."""
    readers = readers_of(graph, value)
    node = graph.nodes[readers[0]] if len(readers) == 1 else None
    operator = _LAYERS.get(node.op_type) if node is not None else None
    recorded = get(node, FX_NODE) if node is not None else None
    return operator is not None and f"{operator}]" in (recorded or "") and graph.reads[readers[0]][1] == value
