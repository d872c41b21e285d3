"""Constants of graphsurgeon: reading weights from other files, and telling whether somebody changed them.

Graphsurgeon reads a tensor on first access and forgets where it came from: a look at the values is enough
to move external weights into the model, and to make a sparse tensor dense. Here contents decide: what holds
the same bytes as before is what it was before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from onnx import SparseTensorProto, TensorProto, numpy_helper
from onnx_graphsurgeon.exporters.onnx_exporter import OnnxExporter
from onnx_graphsurgeon.ir.tensor import LazyValues, SparseValues

from rewriter.model.external import fault_of_data
from rewriter.refusals import UnreadableModel, UsageError

Held = TensorProto | SparseTensorProto
"""What holds a constant in a file."""


class ExternalValues(LazyValues):  # type: ignore[misc]  # graphsurgeon has no types
    """Values in another file, read from there when somebody looks at them.

    Attributes:
        reference: the tensor, which refers to that file.
    """

    def __init__(self, reference: TensorProto, folder: Path | None) -> None:
        super().__init__(reference)
        self.reference = reference
        self._folder = folder

    @property
    def tensor(self) -> TensorProto:
        """The tensor with its data inside, for whoever wants a model that needs no other file."""
        if not hasattr(self, "_folder"):
            return self._tensor
        return numpy_helper.from_array(self.load(), self.reference.name)

    @tensor.setter
    def tensor(self, tensor: TensorProto) -> None:
        self._tensor = tensor

    def load(self) -> Any:
        """Read the values.

        Raises:
            UnreadableModel: the file is missing or too short, or is none that a model may name.
        """
        return array_of(self.reference, self._folder)


def array_of(tensor: TensorProto, folder: Path | None) -> Any:
    """The values of a tensor, wherever they lie; the tensor is not changed.

    Raises:
        UnreadableModel: they lie in a file that is missing or too short, or that a model may not name.
    """
    if tensor.data_location != TensorProto.EXTERNAL:
        return np.array(numpy_helper.to_array(tensor))
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    fault = fault_of_data(folder, location) if folder else "lies nowhere that is known; give a path"
    if fault:
        raise UnreadableModel(f"external data {location[:200]!r} {fault}")
    copy = TensorProto()
    copy.CopyFrom(tensor)
    return np.array(numpy_helper.to_array(copy, base_dir=str(folder)))


def is_same(tensor: gs.Constant, values: object, held: Held, folder: Path | None) -> bool:
    """Whether a constant holds what it held at first.

    Args:
        tensor: the constant.
        values: what it held its values in at first.
        held: what it was made of.
        folder: where external data lies.
    """
    now = tensor._values  # the only way to tell without reading them
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
    """An initializer as graphsurgeon writes it; what lies in a file stays there, what is sparse stays so.

    Raises:
        UsageError: its values are of a type that ONNX has not.
    """
    if not isinstance(tensor._values, SparseValues):
        return exported_dense(tensor)
    sparse = SparseTensorProto()
    sparse.CopyFrom(tensor._values.tensor)
    sparse.values.name = tensor.name
    return sparse


def exported_dense(tensor: gs.Constant) -> TensorProto:
    """A constant as graphsurgeon writes it in attributes.

    Raises:
        UsageError: its values are of a type that ONNX has not.
    """
    values = tensor._values
    made = TensorProto()
    try:
        external = isinstance(values, ExternalValues)
        made.CopyFrom(values.reference if external else _written(tensor))
    except (KeyError, TypeError, ValueError, AssertionError) as error:
        raise UsageError(f"constant {tensor.name!r} cannot be written: {error}") from None
    made.name = tensor.name
    if not made.external_data:  # graphsurgeon says so still of what it has read from there
        made.ClearField("data_location")
    return made


def _written(tensor: gs.Constant) -> TensorProto:
    if isinstance(tensor._values, LazyValues):
        lazy: TensorProto = tensor._values.tensor
        return lazy
    written: TensorProto = OnnxExporter.export_tensor_proto(tensor)
    return written
