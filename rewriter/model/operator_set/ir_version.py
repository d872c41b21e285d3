"""The IR version of a file: its rules for initializers, and the version that functions need.

Writing metadata on nodes and tensors does not raise the version. The specification defines such metadata from
version 10 on, but onnx.checker (1.14 to 1.23) and onnxruntime (1.15 to 1.32) accept it at every version, and
a runtime that knows no version above the file's would refuse a raised one.
"""

from __future__ import annotations

from collections.abc import Collection

from onnx import ModelProto, helper

WITH_FUNCTIONS = 8
"""The first IR version whose models hold functions (ONNX 1.10)."""
WITH_OVERRIDABLE = 4
"""The first IR version whose initializers can be fed: one that is listed as an input is the default of that
input. In earlier versions every initializer is listed as an input, and none can be fed.
"""
WITH_METADATA = 10
"""The first IR version whose nodes and tensors carry metadata (ONNX 1.16)."""


def fills_inputs(model: ModelProto) -> bool:
    """Whether initializers are constants although they are listed as inputs."""
    return bool(model.ir_version < WITH_OVERRIDABLE)


def allow_functions(model: ModelProto) -> int:
    """Raise the IR version to the one that functions need.

    Initializers that were constants stay constants. They are removed from the inputs: a listed initializer
    could be fed from now on, and no runtime would fold it.

    Returns:
        The number of initializers that were removed from the inputs.
    """
    left = 0
    if fills_inputs(model):
        inputs, filled = model.graph.input, initialized(model)
        for position in reversed(range(len(inputs))):
            if inputs[position].name in filled:
                del inputs[position]
                left += 1
    model.ir_version = max(model.ir_version, WITH_FUNCTIONS)
    return left


def list_initializers(model: ModelProto, but: Collection[str] = ()) -> None:
    """List all dense initializers as inputs if the IR version requires it; existing entries stay.

    Args:
        model: the model, edited in place.
        but: names that are not to be listed.
    """
    if not fills_inputs(model):
        return
    known = {info.name for info in model.graph.input}.union(but)
    model.graph.input.extend(
        helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        for tensor in model.graph.initializer
        if tensor.name not in known
    )


def initialized(model: ModelProto) -> set[str]:
    """Return the names of initializers, including sparse ones."""
    graph = model.graph
    return {
        *(tensor.name for tensor in graph.initializer),
        *(sparse.values.name for sparse in graph.sparse_initializer),
    }
