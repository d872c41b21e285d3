"""What a child knows of inputs without onnx."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from onnx import TensorProto
from onnx.helper import tensor_dtype_to_np_dtype

from rewriter.runtime.inputs.input import STRING, Input


@pytest.mark.parametrize("element", [number for number in TensorProto.DataType.values() if number])
def test_types_of_elements_are_those_of_onnx(element: int) -> None:
    dtype = Input("x", element, ()).dtype
    assert dtype == (np.dtype("O") if element == STRING else tensor_dtype_to_np_dtype(element))


def test_a_child_begins_without_onnx() -> None:
    """It takes as long to load as onnxruntime does, and a child is started for every comparison."""
    code = (
        "import sys, rewriter.runtime.compare.output_task; "
        "print('onnx' in sys.modules, 'onnxruntime' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "True"]
