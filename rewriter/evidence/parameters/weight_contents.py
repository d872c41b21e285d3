"""Identifies weights by their content, also after other tools changed their layout or precision.

A small weight is identified by its sorted elements, in half precision and without zeros, since tools
transpose, round, block and pad weights. A large or external weight is not read: its name and its sorted
dimensions identify it. Small tensors with fewer than four nonzero elements, or with equal ones, occur in
every file and are skipped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from math import prod

import numpy as np
from onnx import TensorProto

from rewriter.model.index.graph import GraphIndex
from rewriter.model.tensors import FLOATS, array_of, is_external

_LARGEST = 100_000
"""Maximum elements of a weight whose content is read; padding takes hardly any weight across this limit."""
_SMALLEST = 4


def contents_of(graph: GraphIndex) -> Iterator[object]:
    """Yield identities of the floating-point weights and constants: content digest, or name and dimensions.

    Tensors that are skipped (see above) or cannot be read have none.
    """
    for name, tensor in _tensors(graph):
        if tensor.data_type in FLOATS and prod(tensor.dims) >= _SMALLEST:
            if prod(tensor.dims) > _LARGEST or is_external(tensor):
                yield (name, tuple(sorted(tensor.dims)))
            elif (digest := _digest(tensor)) is not None:
                yield digest


def _tensors(graph: GraphIndex) -> Iterator[tuple[str, TensorProto]]:
    for value, tensor in graph.initializers.items():
        yield graph.value_names[value], tensor
    for node, (_, operator) in enumerate(graph.operators):
        if operator == "Constant":
            for each in graph.nodes[node].attribute:
                if each.name == "value":
                    yield graph.nodes[node].output[0], each.t


def _digest(tensor: TensorProto) -> bytes | None:
    """Return the digest of a tensor; None if unreadable, or with too few or equal nonzero elements."""
    array = array_of(tensor, None)
    if array is None:
        return None
    with np.errstate(all="ignore"):  # elements too large for half precision become infinite in both files
        halves = array.astype(np.float32).astype(np.float16)
    told = np.sort(halves[halves != 0])
    if len(told) < _SMALLEST or told[0] == told[-1]:
        return None
    return hashlib.blake2b(told.tobytes(), digest_size=16).digest()
