"""Gives a parameter back from the tensor that holds it: the inverse of the formulas by names."""

from __future__ import annotations

import numpy as np

from rewriter.checkpoints.names.held import Held
from rewriter.evidence.claims import Holds, InitializerSlice
from rewriter.model.tensors import Array, np_type

_PLAIN = frozenset({Holds.EXACT, Holds.TRANSPOSED, Holds.RESHAPED, Holds.PART})


def is_given(held: Held) -> bool:
    """Whether a tensor gives its parameter back: type and shape are known, and the elements are unchanged."""
    known = held.claim.holds in _PLAIN and not held.claim.detail
    return (known or bool(held.gates)) and held.shape is not None and np_type(held.data_type) is not None


def parameter_in(held: Held, content: Array) -> Array:
    """Return the parameter in the content of its tensor.

    Args:
        held: the parameter; the tensor gives it back, see `is_given`.
        content: the content of the tensor.
    """
    part = content if held.claim.part is None else _slice(content, held.claim.part)
    shape = held.shape
    assert shape is not None, "the tensor gives it back"
    if held.gates:
        gates = np.split(part.reshape(shape), len(held.gates))
        return np.concatenate([gates[held.gates.index(number)] for number in range(len(held.gates))])
    return part.reshape(shape) if held.claim.holds is Holds.RESHAPED else _turned(part, shape, held)


def _turned(part: Array, shape: tuple[int, ...], held: Held) -> Array:
    turned = part.T if held.claim.transposed else part
    assert turned.shape == shape, "its shape is that of the part, or the reverse"
    return turned


def _slice(content: Array, part: InitializerSlice) -> Array:
    index = [slice(None)] * content.ndim
    index[part.axis] = slice(part.start, part.stop)
    own = content[tuple(index)]
    return _slice(own, part.inner) if part.inner else own
