"""Doubts about constants of one number, if a parameter is such a number too.

A number such as 4 shows by itself that a program states it. But the exporter may have computed it from a
parameter of one element: the square of a scale that is 2, the exponential of one that is 0. A parameter whose
old number no program states gives such a result by chance only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from rewriter.checkpoints.names.constants import Sign, constants_of, is_stated, number_in
from rewriter.checkpoints.names.held import Held
from rewriter.checkpoints.tensors.state_dict import StateDict
from rewriter.evidence.parameters.tensor_roles import operands_of
from rewriter.modules.analysis import Analysis

_CERTAIN = (Sign.TYPE, Sign.RECORDED, Sign.CONSTANT_NODE)


def stated_in_file(analysis: Analysis, held: Mapping[int, Iterable[Held]]) -> str | None:
    """Return a parameter of one element in the file whose number programs state; None without one."""
    folder = analysis.path.parent if analysis.path else None
    stored = operands_of(analysis.graph).stored
    for value, of_value in held.items():
        is_number = stored[value].is_float and stored[value].elements == 1
        if is_number and is_stated(number_in(analysis.graph, value, folder)):
            return str(next(iter(of_value)).key)
    return None


def stated_in_checkpoint(old: StateDict) -> str | None:
    """Return a parameter of one element in a checkpoint whose number programs state; None without one."""
    singles = (key for key, each in old.entries.items() if each.is_float and int(np.prod(each.shape)) == 1)
    return next((key for key in singles if is_stated(float(np.ravel(old.read(key))[0]))), None)


def doubtful_numbers(analysis: Analysis) -> Iterator[int]:
    """Yield the stored numbers of which only the number shows that they depend on no weight."""
    operands, signs = operands_of(analysis.graph), constants_of(analysis)
    for value, stored in operands.stored.items():
        is_number = stored.is_float and stored.elements == 1 and value not in operands.helpers
        if is_number and signs.get(value) not in _CERTAIN:
            yield value
