"""Locates the large weights of a model in its files, so that a child process can map them into memory."""

from __future__ import annotations

import sys
from math import prod
from pathlib import Path

from onnx import ModelProto, TensorProto

from rewriter.model.storage.external_data import fault_of_data
from rewriter.model.tensors import np_type, reference_of
from rewriter.runtime.child.job import ExternalWeight

_WORTHWHILE = 1 << 16
"""Minimum bytes of a tensor to map; onnxruntime loads smaller tensors by itself."""
_KNOWN = frozenset({"location", "offset", "length", "checksum"})


def stored_weights(model: ModelProto, folder: Path) -> tuple[ExternalWeight, ...]:
    """Return the initializers of the main graph that can be mapped.

    onnxruntime loads small and irregular initializers by itself. An initializer is irregular if its name
    occurs twice or is also an input, if its type is no integer or float of numpy, if its offset is not a
    multiple of the size of an element, if its entries are unknown or do not fit its shape, or if its file
    cannot be used. On a big-endian machine, there are none.
    """
    if sys.byteorder != "little":
        return ()
    found: dict[str, ExternalWeight] = {}
    names = {info.name for info in model.graph.input}  # an initializer that is also an input may be fed
    for tensor in model.graph.initializer:
        if tensor.name in names:
            found.pop(tensor.name, None)
        elif stored := _stored(tensor):
            found[tensor.name] = stored
        names.add(tensor.name)
    files = {each.location: fault_of_data(folder, each.location) for each in found.values()}
    return tuple(each for each in found.values() if files[each.location] is None)


def _stored(tensor: TensorProto) -> ExternalWeight | None:
    if tensor.data_location != TensorProto.EXTERNAL or not isinstance(tensor.name, str):
        return None
    dtype = np_type(tensor.data_type)
    if dtype is None or dtype.kind not in "fiu" or dtype.isbuiltin != 1:
        return None
    size = prod(tensor.dims) * dtype.itemsize
    try:
        location, offset, length = reference_of(tensor)
    except ValueError:
        return None
    odd = {entry.key for entry in tensor.external_data} - _KNOWN or any(dim < 0 for dim in tensor.dims)
    if odd or size < _WORTHWHILE or length not in (size, None) or offset % dtype.itemsize:
        return None
    return ExternalWeight(tensor.name, location, offset, dtype.name, tuple(tensor.dims))
