"""Where the large weights of a model lie in its files: what a child that runs it may map into memory."""

from __future__ import annotations

import sys
from math import prod
from pathlib import Path

import onnx
from onnx import ModelProto, TensorProto

from rewriter.model.external import bytes_of, fault_of_data
from rewriter.refusals import UnreadableModel
from rewriter.runtime.child.job import Stored

_WORTHWHILE = 1 << 16
"""Bytes of a tensor; the others onnxruntime finds by itself."""
_KNOWN = frozenset({"location", "offset", "length", "checksum"})


def stored_weights(model: ModelProto, folder: Path) -> tuple[Stored, ...]:
    """The initializers of the main graph that can be mapped.

    What is odd in any way (a name twice, an input as well, a type that numpy lacks, data that does not lie on
    a multiple of its size, no such file) is left to onnxruntime, which does whatever it does.
    """
    if sys.byteorder != "little":
        return ()
    found: dict[str, Stored] = {}
    names = {info.name for info in model.graph.input}  # what is an input as well may be fed
    for tensor in model.graph.initializer:
        if tensor.name in names:
            found.pop(tensor.name, None)
        elif stored := _stored(tensor):
            found[tensor.name] = stored
        names.add(tensor.name)
    files = {each.location: fault_of_data(folder, each.location) for each in found.values()}
    return tuple(each for each in found.values() if files[each.location] is None)


def _stored(tensor: TensorProto) -> Stored | None:
    if tensor.data_location != TensorProto.EXTERNAL or not isinstance(tensor.name, str):
        return None
    told = {entry.key: entry.value for entry in tensor.external_data}
    try:
        size = bytes_of(tensor)
        offset, length = int(told.get("offset") or 0), int(told.get("length") or size or 0)
    except (UnreadableModel, ValueError):
        return None
    if size is None or size < _WORTHWHILE or told.keys() - _KNOWN:
        return None
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    if dtype.kind not in "fiu" or dtype.isbuiltin != 1 or length != size or offset % dtype.itemsize:
        return None
    if prod(tensor.dims) * dtype.itemsize != size:
        return None
    return Stored(tensor.name, told.get("location", ""), offset, dtype.name, tuple(tensor.dims))
