"""The IR version of a file: its rules for initializers, and the version that functions need.

Metadata on nodes and tensors needs no version. The specification has it from version 10 on; onnx.checker
(1.14 to 1.23) and onnxruntime (1.15 to 1.32) accept it at every version, and a runtime that reads no newer
version than the file's would refuse a raised one.
"""

from __future__ import annotations

from collections.abc import Collection

from onnx import ModelProto, helper

WITH_FUNCTIONS = 8
"""The first IR version whose models hold functions (ONNX 1.10)."""
WITH_OVERRIDABLE = 4
"""From this version on, an initializer listed as an input is the default of that input; before, every
initializer is listed, and none can be fed."""
WITH_METADATA = 10
"""The first IR version whose nodes and tensors carry metadata (ONNX 1.16)."""


def fills_inputs(model: ModelProto) -> bool:
    """Whether initializers are constants although they are listed as inputs."""
    return bool(model.ir_version < WITH_OVERRIDABLE)


def allow_functions(model: ModelProto) -> int:
    """Raise the IR version to the one that functions need.

    Initializers that were constants stay constants: they leave the inputs, where they could be fed
    from now on and no runtime would fold them.

    Returns:
        The number of initializers that left.
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
    """List all initializers as inputs if the IR version requires it; listed ones stay.

    Args:
        model: the model, edited in place.
        but: names to leave out.
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
    """The names of initializers, including sparse ones."""
    graph = model.graph
    return {
        *(tensor.name for tensor in graph.initializer),
        *(sparse.values.name for sparse in graph.sparse_initializer),
    }
