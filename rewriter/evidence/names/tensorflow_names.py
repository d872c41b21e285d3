"""Parts of the names that TensorFlow, its converters and TFLite give to nodes and variables."""

from __future__ import annotations

import re
from collections.abc import Sequence

_COUNTER = re.compile(r"_\d{1,9}$")
_DECIMAL = re.compile(r"(?<=\d)\.(?=\d+_)")
_TENSOR = re.compile(r":\d+$")
_OPERATOR_SCOPES = frozenset(
    {
        *("Tensordot", "MatMul", "BatchMatMulV2", "BiasAdd", "Conv1D", "Conv2D", "Conv3D", "Cast", "Einsum"),
        *("ReadVariableOp", "Add", "AddV2", "Sub", "Mul", "RealDiv", "Relu", "Softmax", "Reshape", "Shape"),
        *("Squeeze", "ExpandDims", "Transpose", "GatherV2", "Mean", "Sum", "Maximum", "Minimum", "Pad"),
        *("moments", "batchnorm", "convolution", "depthwise", "separable_conv2d", "einsum", "l2_normalize"),
        *("strided_slice", "embedding_lookup", "sufficient_statistics", "normalize", "Gelu", "zeros"),
        *("TensorArrayV2Read", "TensorArrayV2Write", "TensorArrayUnstack"),
    }
)
"""Operators and functions of TensorFlow that open a scope for their nodes."""
_PRODUCTS = frozenset(
    {
        *("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Tensordot", "Einsum", "convolution"),
        *("depthwise", "separable_conv2d", "conv_transpose", "Conv1D", "Conv2D", "Conv3D"),
        *("DepthwiseConv2dNative", "Conv2DBackpropInput", "GatherV2"),
    }
)
"""Operators of TensorFlow that read a weight, and functions that call such an operator."""
_IN_LOOP = re.compile(r"/while(?:_\d+)?(?=/|$)")
"""The scope of the body of a loop. What the body computes belongs to the module around the loop."""
_INLINED = re.compile(r"^(?:cond___|[^\s:]*?while(?:_\d+)?_(?:cond|body)(?:_frozen_\d+)?_)(?=\w)")
_OPERATION = re.compile(r"^(?:arith\.constant(?=\d|_|$)\w*|tfl\.\w+)(?![.\w])")
"""Name of a constant that TFLite named after an operation of its compiler."""


def dotted_scope(scope: str) -> str:
    """Return a scope as a dotted path without operators: `net_0.35_32/fc/MatMul` -> `net_0_35_32.fc`."""
    scope = _without_operators(scope)
    scope = _DECIMAL.sub("_", scope) if "." in scope else scope
    return ".".join(atom for atom in scope.replace("/", ".").split(".") if atom)


def _without_operators(scope: str) -> str:
    """Remove the scopes of loops, and those of operators at the end: `rnn/while/fc/Tensordot` -> `rnn/fc`.

    No operator opens a scope in its own: of two equal names, the outer one is a module.
    """
    scope = _IN_LOOP.sub("", scope) if "/while" in scope else scope
    inner = ""
    while scope:
        outer, _, atom = scope.rpartition("/")
        operator = _COUNTER.sub("", atom)
        if operator not in _OPERATOR_SCOPES or operator == inner:
            break
        scope, inner = outer, operator
    return scope


def is_tensor(name: str) -> bool:
    """Whether a value has TensorFlow's output number in its name: `net/fc/MatMul:0`."""
    return isinstance(name, str) and bool(_TENSOR.search(name))


def without_dots(name: str) -> str:
    """Replace dots, which TensorFlow allows in names and PyTorch does not: `net_0.35/fc` -> `net_0_35/fc`."""
    return name.replace(".", "_")


def without_loop(name: str) -> str:
    """Remove the name of a loop that tf2onnx puts before the name of a node of its condition or body."""
    return _INLINED.sub("", name) if "while" in name or name.startswith("cond___") else name


def products_of(names: Sequence[str]) -> list[str]:
    """Return those of the names that TFLite joined that name operators with a weight."""
    return [name for name in names if _operator(name) in _PRODUCTS]


def is_operation(name: str) -> bool:
    """Whether TFLite named a constant after an operation of its compiler: `arith.constant2`."""
    return name.startswith(("arith.", "tfl.")) and bool(_OPERATION.match(name))


def _operator(name: str) -> str:
    """Return the operator at the end of TensorFlow's name of a node, without counters."""
    return _COUNTER.sub("", name.rpartition("/")[2].rstrip("0123456789"))
