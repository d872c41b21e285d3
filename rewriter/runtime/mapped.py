"""Weights of both models in one memory map, so that they are in memory once and their pages are found once.

onnxruntime maps external data as well, anew for every session: the system then looks up every page again.
"""

from __future__ import annotations

import mmap
import sys
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import ModelProto, TensorProto

from rewriter.model.external import bytes_of, fault_of_data

_WORTHWHILE = 1 << 16
"""Bytes of a tensor; the others onnxruntime finds by itself."""


class MappedWeights:
    """The large weights of models whose data lies in one folder or in several."""

    def __init__(self) -> None:
        self._maps: dict[Path, mmap.mmap | None] = {}

    def of(self, model: ModelProto, folder: str | None) -> dict[str, Any]:
        """Initializer of the main graph -> its value where the map has it, to be kept while it is used.

        What is odd in any way (a name twice, an input as well, a type that numpy lacks, data that does not
        lie on a multiple of its size, no such file) is left to onnxruntime, which does whatever it does.
        """
        if folder is None or sys.byteorder != "little":
            return {}
        found: dict[str, Any] = {}
        names = {info.name for info in model.graph.input}  # what is an input as well may be fed
        for tensor in model.graph.initializer:
            again = tensor.name in names
            names.add(tensor.name)
            array = None if again else self._array(tensor, Path(folder))
            if again:
                found.pop(tensor.name, None)
            elif array is not None:
                found[tensor.name] = ort.OrtValue.ortvalue_from_numpy(array)
        return found

    def _array(self, tensor: TensorProto, folder: Path) -> np.ndarray[Any, Any] | None:
        if tensor.data_location != TensorProto.EXTERNAL or not isinstance(tensor.name, str):
            return None
        size = bytes_of(tensor)
        told = {entry.key: entry.value for entry in tensor.external_data}
        if size is None or size < _WORTHWHILE or told.keys() - {"location", "offset", "length", "checksum"}:
            return None
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        offset, length = int(told.get("offset") or 0), int(told.get("length") or size)
        if dtype.kind not in "fiu" or dtype.isbuiltin != 1 or length != size or offset % dtype.itemsize:
            return None
        content = self._map(folder, told.get("location", ""), offset + size)
        if content is None or prod(tensor.dims) * dtype.itemsize != size:
            return None
        return np.frombuffer(content, dtype, prod(tensor.dims), offset).reshape(tensor.dims)

    def _map(self, folder: Path, location: str, size: int) -> mmap.mmap | None:
        path = folder / location
        if path not in self._maps:
            self._maps[path] = None
            if fault_of_data(folder, location) is None:
                with path.open("rb") as stream:
                    # Private pages are found faster than shared ones, and are copied only if written to.
                    self._maps[path] = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
        content = self._maps[path]
        return content if content is not None and len(content) >= size else None
