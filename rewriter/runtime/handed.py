"""Arrays that the user gives, handed to the child as files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx

from rewriter.runtime.feeds import Array
from rewriter.runtime.inputs import Input


def write_inputs(folder: Path, arrays: Iterable[Array]) -> None:
    """Hand arrays over as files, in their order."""
    for number, array in enumerate(arrays):
        tensor = onnx.numpy_helper.from_array(np.ascontiguousarray(array))
        (folder / f"input-{number}.pb").write_bytes(tensor.SerializeToString())


def read_inputs(folder: Path, inputs: Sequence[Input]) -> dict[str, Array]:
    """Read what `write_inputs` wrote, by the names of inputs in the same order; strings as Python objects."""
    found: dict[str, Array] = {}
    for number, each in enumerate(inputs):
        tensor = onnx.TensorProto.FromString((folder / f"input-{number}.pb").read_bytes())
        array = onnx.numpy_helper.to_array(tensor)
        found[each.name] = array.astype(object) if tensor.data_type == onnx.TensorProto.STRING else array
    return found
