"""Constants of graphsurgeon: reads external weights, and detects constants that a user changed.

Graphsurgeon loads a tensor on first access and forgets its source: reading the values moves external weights
into the model, and makes a sparse tensor dense. This module compares contents instead: a constant with the
same bytes as before is written as in the original file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from onnx import SparseTensorProto, TensorProto, numpy_helper
from onnx_graphsurgeon.exporters.onnx_exporter import OnnxExporter
from onnx_graphsurgeon.ir.tensor import LazyValues, SparseValues

from rewriter.errors import UnreadableModel, UsageError
from rewriter.model.storage.external_data import fault_of_data, needed_file

Held = TensorProto | SparseTensorProto
"""ONNX messages that can have the values of an initializer."""


class ExternalValues(LazyValues):  # type: ignore[misc]  # graphsurgeon has no types
    """Values in another file, read on first access.

    Attributes:
        reference: the tensor that refers to the file.
    """

    def __init__(self, reference: TensorProto, folder: Path | None) -> None:
        super().__init__(reference)
        self.reference = reference
        self._folder = folder

    @property
    def tensor(self) -> TensorProto:
        """The tensor with its data inline, for models that must not refer to other files."""
        if not hasattr(self, "_folder"):
            return self._tensor
        return numpy_helper.from_array(self.load(), self.reference.name)

    @tensor.setter
    def tensor(self, tensor: TensorProto) -> None:
        self._tensor = tensor

    def load(self) -> Any:
        """Read the values.

        Raises:
            UnreadableModel: the file is missing or too short, or its path is not allowed in a model.
        """
        return array_of(self.reference, self._folder)


def array_of(tensor: TensorProto, folder: Path | None) -> Any:
    """Return the values of a tensor, inline or external; the tensor is not changed.

    Raises:
        UnreadableModel: the external file is missing or too short, or its path is not allowed in a model.
    """
    if tensor.data_location != TensorProto.EXTERNAL:
        return np.array(numpy_helper.to_array(tensor))
    location, size = needed_file(tensor)
    fault = fault_of_data(folder, location, size) if folder else "has no known folder; give a path"
    if fault:
        raise UnreadableModel(f"external data {location[:200]!r} {fault}")
    copy = TensorProto()
    copy.CopyFrom(tensor)
    return np.array(numpy_helper.to_array(copy, base_dir=str(folder)))


def is_same(tensor: gs.Constant, values: object, held: Held, folder: Path | None) -> bool:
    """Whether a constant still holds its first values.

    Args:
        tensor: the constant.
        values: the object that had its values at first.
        held: the message that it was made from.
        folder: the folder of external data.
    """
    now = tensor._values  # `tensor.values` would load them
    if tensor._export_dtype is not None:
        return False
    if now is values:
        return isinstance(now, LazyValues) or _equal(now, held, folder)
    return not isinstance(now, LazyValues) and _equal(now, held, folder)


def _equal(now: Any, held: Held, folder: Path | None) -> bool:
    before = SparseValues(held).load() if isinstance(held, SparseTensorProto) else array_of(held, folder)
    return (
        isinstance(now, np.ndarray)
        and (now.dtype, now.shape) == (before.dtype, before.shape)
        and now.tobytes() == before.tobytes()
    )


def exported(tensor: gs.Constant) -> Held:
    """Return a constant as an initializer; data that was not loaded stays external or sparse.

    Raises:
        UsageError: ONNX has no type for its values.
    """
    if not isinstance(tensor._values, SparseValues):
        return exported_dense(tensor)
    sparse = SparseTensorProto()
    sparse.CopyFrom(tensor._values.tensor)
    sparse.values.name = tensor.name
    return sparse


def exported_dense(tensor: gs.Constant) -> TensorProto:
    """Return a constant as a dense tensor, as graphsurgeon does; unloaded external data stays external.

    Raises:
        UsageError: ONNX has no type for its values, or they are sparse and not loaded.
    """
    values = tensor._values
    made = TensorProto()
    try:
        external = isinstance(values, ExternalValues)
        made.CopyFrom(values.reference if external else _written(tensor))
    except (KeyError, TypeError, ValueError, AssertionError) as error:
        raise UsageError(f"constant {tensor.name!r} cannot be written: {error}") from None
    made.name = tensor.name
    if not made.external_data:  # graphsurgeon marks tensors as external even after loading them
        made.ClearField("data_location")
    return made


def _written(tensor: gs.Constant) -> TensorProto:
    if isinstance(tensor._values, LazyValues):
        lazy: TensorProto = tensor._values.tensor
        return lazy
    written: TensorProto = OnnxExporter.export_tensor_proto(tensor)
    return written
