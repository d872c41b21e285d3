"""Shows which stored tensors depend on no weight, so that new weights leave them as they are.

A tensor without the name of a parameter may still be computed from one: an exporter folds a slice of the
position embedding, the exponential of a scale, or a whole batch norm. These show that a tensor is not:

- its elements are no floating-point numbers, and it is no quantised weight;
- the dynamo exporter recorded the values that it was computed from, and no parameter is among them, or
  recorded that it is a constant of the program or a buffer that is in no state dict;
- it is a `Constant` node that the TorchScript exporter wrote: that exporter writes results of its constant
  folding as initializers;
- it is one number that programs state, such as 0.5, 1e-5 or the square root of 1/8.

The last two signs are weak: a parameter of one element may have such a number, and a frozen scripted module
has its parameters as constants. They count only if no key of the checkpoint that has as many elements is left
over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

import numpy as np

from rewriter.checkpoints.names.recorded_state import recorded_constant
from rewriter.checkpoints.tensors.stored_messages import message_of
from rewriter.evidence.parameters.tensor_roles import operands_of
from rewriter.evidence.roles import Role
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.tensors import array_of
from rewriter.modules.analysis import Analysis

_MOST_DIGITS = 5
"""Maximum number of digits of a number that a program states; a computed number of float32 has up to 9."""
_SMALL = 64
"""Maximum numerator and denominator of a ratio that a program computes."""
_LARGEST = 4096
"""Maximum of a whole number, such as a size, of which a program takes the inverse or a root."""
_MASKING = 1e30
"""Numbers beyond it stand for infinity in masks."""
_ROUNDING = 4e-7


class Sign(StrEnum):
    """Sign that a tensor depends on no weight."""

    TYPE = "its elements are no floating-point numbers"
    RECORDED = "the exporter recorded no parameter behind it"
    CONSTANT_NODE = "the exporter wrote it as a constant of the program"
    NUMBER = "it is a number that programs state"
    CONTENT = "it holds nothing of the old checkpoint"


def constants_of(analysis: Analysis) -> dict[int, Sign]:
    """Return stored tensor -> the sign that it depends on no weight, for tensors with such a sign."""
    graph = analysis.graph
    operands = operands_of(graph)
    recorded, written = recorded_constant(graph), _constant_nodes(graph)
    folder = analysis.path.parent if analysis.path else None
    found: dict[int, Sign] = {}
    for value, stored in operands.stored.items():
        is_weight = operands.roles[value] is Role.PARAMETER or value in operands.quantised
        if not stored.is_float:
            if not is_weight:
                found[value] = Sign.TYPE
        elif recorded(value):
            found[value] = Sign.RECORDED
        elif written(value):
            found[value] = Sign.CONSTANT_NODE
        elif (
            stored.elements == 1
            and value not in operands.helpers
            and is_stated(number_in(graph, value, folder))
        ):
            found[value] = Sign.NUMBER
    return found


def _constant_nodes(graph: GraphIndex) -> Callable[[int], bool]:
    """Return a function: whether the TorchScript exporter wrote a tensor as a constant of the program."""

    def is_written(value: int) -> bool:
        node, name = graph.producer[value], graph.value_names[value]
        is_constant = node != NONE and graph.operators[node] == ("", "Constant")
        return is_constant and isinstance(name, str) and bool(_NAMED.search(name))

    return is_written


_NAMED = re.compile(r"/Constant(?:_\d+)?_output_0$")


def number_in(graph: GraphIndex, value: int, folder: Path | None) -> float:
    """Return the only element of a stored tensor; NaN if it cannot be read."""
    tensor = message_of(graph, value)
    array = array_of(tensor, folder) if tensor is not None else None
    return math.nan if array is None else float(array.reshape(-1)[0])


def is_stated(number: float) -> bool:
    """Whether a number of float32 is one that programs state or compute from such: a literal, or a root."""
    if math.isnan(number):
        return False
    if math.isinf(number) or abs(number) > _MASKING or number == 0:
        return True
    if np.float32(f"{number:.{_MOST_DIGITS}g}") == np.float32(number):
        return True
    size = abs(number)
    ratio = Fraction(size).limit_denominator(_SMALL)
    roots = (size**2, size**4, size**2 * math.pi / 2, 1 / size, 1 / size**2, 1 / size**4)
    return (0 < ratio.numerator <= _SMALL and _is_close(size, float(ratio))) or any(map(_is_whole, roots))


def _is_whole(number: float) -> bool:
    return 0.5 < number <= _LARGEST and _is_close(number, round(number))


def _is_close(number: float, other: float) -> bool:
    return abs(number - other) <= _ROUNDING * other
