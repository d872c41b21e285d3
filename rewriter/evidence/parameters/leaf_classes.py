"""Infers the class of a leaf from its operators and parameters, if no evidence names the class.

An inferred class is a guess: it is kept apart in `Module.inferred_class`, shown with a question mark and
never written into a model. A class of `torch.nn` and a user's class with the same operators look alike; the
inference returns the former. If the operators do not show the number of dimensions, it returns the base class
of torch's classes for 1 to 3 dimensions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import NamedTuple

GLUE = frozenset({"Constant", "ConstantOfShape", "Identity", "Shape", "Size", "Reshape", "Transpose"})
GLUE |= {"Squeeze", "Unsqueeze", "Flatten", "Cast", "CastLike", "Expand", "Concat"}
GLUE |= {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}
"""Operators that exporters and quantisers put around nodes of any class; they do not count."""


_LAYER = re.compile(r"_l\d+(?:_reverse)?$")
"""Layer and direction at the end of the name of a parameter: `weight_ih_l0_reverse`."""


class ClassPattern(NamedTuple):
    """A class and its form in an exported file.

    Attributes:
        class_name: fully qualified.
        operators: the required operators, apart from `GLUE`.
        optional: further operators that are allowed.
        parameters: local name -> number of dimensions, for the required parameters.
        others: local names of further parameters that are allowed.
    """

    class_name: str
    operators: frozenset[str]
    optional: frozenset[str] = frozenset()
    parameters: Mapping[str, int] = {}
    others: frozenset[str] = frozenset()


def _pattern(class_name: str, operators: str, parameters: str = "", optional: str = "") -> ClassPattern:
    """Build a pattern from text: `weight:2 bias?` means a matrix and an optional bias."""
    words = parameters.split()
    required = dict(word.split(":") for word in words if ":" in word)
    return ClassPattern(
        f"torch.nn.modules.{class_name}",
        frozenset(operators.split()),
        frozenset(optional.split()),
        {name: int(rank) for name, rank in required.items()},
        frozenset(word.removesuffix("?") for word in words if word.endswith("?")),
    )


_WEIGHTS = "weight:{} bias? weight_bias?"
"""The exporter names the bias `weight_bias` if it folded a batch norm into a layer without one."""
_NORM = "weight:1 bias:1"
_RECURRENT = "weight_ih? weight_hh? bias_ih? bias_hh?"
_DECOMPOSED = "Pow Mul Add Div Reciprocal"

PATTERNS = (
    _pattern("linear.Linear", "Gemm", _WEIGHTS.format(2)),
    _pattern("linear.Linear", "MatMul", "weight:2 bias?", "Add"),
    _pattern("linear.Linear", "MatMulInteger", "weight:2 bias?", "Mul Add"),
    *(
        _pattern(f"conv.{name}{rank - 2}d", operator, _WEIGHTS.format(rank), optional)
        for rank in (3, 4, 5)
        for name, operator, optional in (
            ("Conv", "Conv", ""),
            ("Conv", "ConvInteger", "Mul Add"),
            ("ConvTranspose", "ConvTranspose", ""),
        )
    ),
    _pattern("sparse.Embedding", "Gather", "weight:2"),
    _pattern("normalization.LayerNorm", "LayerNormalization", "weight:1 bias?"),
    _pattern("normalization.LayerNorm", "ReduceMean Sub Sqrt", _NORM, _DECOMPOSED),
    _pattern("normalization.RMSNorm", "RMSNormalization", "weight:1"),
    _pattern("normalization.RMSNorm", "SimplifiedLayerNormalization", "weight:1"),
    _pattern("normalization.RMSNorm", "ReduceMean Sqrt", "weight:1", _DECOMPOSED),
    _pattern("normalization.GroupNorm", "GroupNormalization", _NORM),
    _pattern("normalization.GroupNorm", "InstanceNormalization Mul Add", _NORM),
    _pattern("instancenorm._InstanceNorm", "InstanceNormalization", "weight? bias?"),
    _pattern(
        "batchnorm._BatchNorm",
        "BatchNormalization",
        f"{_NORM} running_mean? running_var? num_batches_tracked?",
    ),
    _pattern("rnn.LSTM", "LSTM", _RECURRENT, "Slice"),
    _pattern("rnn.GRU", "GRU", _RECURRENT, "Slice"),
    _pattern("rnn.RNN", "RNN", _RECURRENT, "Slice"),
    _pattern("activation.PReLU", "PRelu", "weight?"),
    _pattern("activation.ReLU", "Relu"),
    _pattern("activation.LeakyReLU", "LeakyRelu"),
    _pattern("activation.ELU", "Elu"),
    _pattern("activation.SELU", "Selu"),
    _pattern("activation.CELU", "Celu"),
    _pattern("activation.GELU", "Gelu"),
    _pattern("activation.GELU", "Erf Mul Add", optional="Div"),
    _pattern("activation.SiLU", "Sigmoid Mul"),
    _pattern("activation.Mish", "Softplus Tanh Mul"),
    _pattern("activation.Mish", "Mish"),
    _pattern("activation.Hardswish", "HardSwish"),
    _pattern("activation.Hardsigmoid", "HardSigmoid"),
    _pattern("activation.Softplus", "Softplus"),
    _pattern("activation.Sigmoid", "Sigmoid"),
    _pattern("activation.Tanh", "Tanh"),
    _pattern("activation.Softmax", "Softmax"),
    _pattern("activation.LogSoftmax", "LogSoftmax"),
    _pattern("pooling._MaxPoolNd", "MaxPool"),
    _pattern("pooling._AvgPoolNd", "AveragePool"),
    _pattern("pooling._AdaptiveAvgPoolNd", "GlobalAveragePool"),
    _pattern("pooling._AdaptiveMaxPoolNd", "GlobalMaxPool"),
    _pattern("pixelshuffle.PixelShuffle", "DepthToSpace"),
    _pattern("upsampling.Upsample", "Resize"),
    _pattern("dropout.Dropout", "Dropout"),
)
"""The exported forms of classes; the first match counts."""


LINEAR = "torch.nn.modules.linear.Linear"


def class_of(operators: Mapping[str, int], parameters: Mapping[str, int]) -> str | None:
    """Return the class whose exported form a leaf has.

    Args:
        operators: operator -> number of its nodes.
        parameters: local name of a parameter -> number of dimensions.

    Returns:
        A fully qualified class, or None if no pattern matches.
    """
    own = {operator: count for operator, count in operators.items() if operator not in GLUE}
    known = {_LAYER.sub("", name): rank for name, rank in parameters.items()}
    return next((pattern.class_name for pattern in PATTERNS if _fits(pattern, own, known)), None)


def is_closed(operators: Set[str]) -> bool:
    """Whether operators, apart from `GLUE`, are those of a complete torch module, whatever its parameters."""
    own = operators - GLUE
    return any(pattern.operators <= own <= pattern.operators | pattern.optional for pattern in PATTERNS)


def may_feed(operator: str, operators: Set[str]) -> bool:
    """Whether an operator that feeds a leaf with these operators may be a part of that leaf.

    An Add in front of a MatMul may not: it adds the bias of an earlier layer, or a residual.
    """
    if operator in GLUE:
        return True
    own = operators - GLUE
    return any(
        own <= pattern.operators | pattern.optional
        and operator
        in (pattern.operators | pattern.optional if len(pattern.operators) > 1 else pattern.operators)
        for pattern in PATTERNS
    )


def _fits(pattern: ClassPattern, operators: Mapping[str, int], parameters: Mapping[str, int]) -> bool:
    """Whether a leaf has the form of a class.

    A form without optional operators has one node of each operator in a call: `x * sigmoid(1.7 * x)` has two
    Muls, and is no SiLU.
    """
    return (
        pattern.operators <= operators.keys() <= pattern.operators | pattern.optional
        and (bool(pattern.optional) or len(set(operators.values())) <= 1)
        and all(parameters.get(name) == rank for name, rank in pattern.parameters.items())
        and parameters.keys() <= pattern.parameters.keys() | pattern.others
    )
