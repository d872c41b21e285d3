"""Converts values of types that numpy lacks, through the memory of an OrtValue; reads type names."""

from __future__ import annotations

import ctypes
import re
from typing import Any

import numpy as np
import onnx

from rewriter.runtime.inputs.feeds import Array
from rewriter.runtime.ort.sessions import FOREIGN, ort


def to_ort(array: Array, element: int) -> Any:
    """Convert an array to an OrtValue with elements of type `element`.

    Raises:
        TypeError: the array holds strings.
    """
    if element == onnx.TensorProto.STRING:
        raise TypeError(
            "onnxruntime's Python interface takes no strings beside bfloat16, float8 or 4-bit values"
        )
    raw = onnx.numpy_helper.from_array(array).raw_data
    value = ort.OrtValue.ortvalue_from_shape_and_type(list(array.shape), element)
    ctypes.memmove(value.data_ptr(), raw, len(raw))
    return value


def from_ort(value: Any) -> Any:
    """Convert an OrtValue to an array, with a type of `ml_dtypes` if numpy lacks the type.

    Raises:
        TypeError: the value is no tensor.
    """
    if not value.is_tensor():
        raise TypeError(f"onnxruntime's Python interface gives no {value.data_type()} beside bfloat16 values")
    foreign = FOREIGN.fullmatch(value.data_type())
    if foreign is None:
        return value.numpy()
    element = onnx.TensorProto.DataType.Value(foreign[1].upper())
    raw = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    tensor = onnx.TensorProto(data_type=element, dims=value.shape(), raw_data=raw)
    return np.asarray(onnx.numpy_helper.to_array(tensor))


def typed(name: str, text: str, shape: Any) -> onnx.ValueInfoProto | None:
    """Return a value info with the type that onnxruntime calls `text`; None for any other text.

    Args:
        name: name of the value.
        text: such as `tensor(float)` or `seq(tensor(int64))`.
        shape: shape of a tensor; None if its rank is unknown. Ignored for a sequence.
    """
    inner = re.fullmatch(r"(seq\()?tensor\((\w+)\)\)?", text)
    if inner is None or inner[2].upper() not in onnx.TensorProto.DataType.keys():  # noqa: SIM118
        return None
    element = onnx.TensorProto.DataType.Value(inner[2].upper())
    if inner[1]:
        return onnx.helper.make_tensor_sequence_value_info(name, element, None)
    return onnx.helper.make_tensor_value_info(name, element, shape)
