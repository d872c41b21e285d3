"""Finds formulas of layers into which the dynamo exporter folded a batch norm.

The node of such a layer has the record of the norm: torch's operator with its arguments, which are the keys
of the norm and its epsilon, and the names of the rules of onnxscript that made the node. So the file itself
shows the formula. If several norms were folded into the layer, only one is recorded, and the file does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from onnx import NodeProto

from rewriter.checkpoints.content.kinds.derived import NormScale, NormShift
from rewriter.checkpoints.formula import Formula, Key, OfOne, Read
from rewriter.checkpoints.names.recorded_state import ShapeOf, state_of
from rewriter.evidence.metadata.dynamo import FX_NODE, RULE_NAME, signature
from rewriter.evidence.parameters.parameter_names import readers_of
from rewriter.model.index.graph import GraphIndex
from rewriter.model.metadata import get
from rewriter.model.tensors import Array

_NORM = re.compile(
    r"\[target=torch\.ops\.aten\.(_native_batch_norm_legit_no_training|batch_norm)\.default\]"
    r"\(args = \((.*?)\)"
)
_EPSILON_AT = {"_native_batch_norm_legit_no_training": 6, "batch_norm": 7}
"""Operator of torch -> the place of epsilon in its arguments."""
_FUSION = "FuseBatchNormInto"
_HARMLESS = re.compile(r"RemoveOptionalBiasFrom\w+|FusePadIntoConv\w*|NormalizePadFormat\w+")
"""Rules of onnxscript that leave a weight as it is."""


class RecordedNorm(NamedTuple):
    """Batch norm that was folded into a node: names of the file, '' for a norm without weight or bias."""

    scale: NormScale
    mean: str
    bias: str

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the norm."""
        return (*self.scale.keys, self.mean, *((self.bias,) if self.bias else ()))


@dataclass(frozen=True, slots=True)
class ScaledChannels(OfOne):
    """The weight of a layer with a factor for each of its output channels.

    Attributes:
        by: the factors.
        groups: for a transposed convolution: the number of its groups, whose channels are along axis 1;
            0 for a layer whose channels are along axis 0.
    """

    by: Formula
    groups: int = 0

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of weight and factors."""
        return (*self.of.keys, *self.by.keys)

    def evaluate(self, read: Read) -> Array:
        """Return the products, in double precision.

        Raises:
            ValueError: the number of factors is not that of the channels.
        """
        weight, factors = self.of.evaluate(read).astype(np.float64), self.by.evaluate(read)
        ones = (1,) * (weight.ndim - 2)
        if not self.groups:
            return np.asarray(weight * factors.reshape(-1, 1, *ones))
        grouped = weight.reshape(self.groups, -1, *weight.shape[1:])
        return np.asarray(grouped * factors.reshape(self.groups, 1, -1, *ones)).reshape(weight.shape)

    def __str__(self) -> str:
        return f"{self.of} * ({self.by}) for each channel"


def layer_with_norm(graph: GraphIndex, value: int, shape_of: ShapeOf) -> Formula | None:
    """Return the formula of a weight or bias into which a batch norm was folded; None for any other tensor.

    Args:
        graph: the model.
        value: the tensor.
        shape_of: name of a parameter in the file -> its shape in the new checkpoint; None if it has none.
    """
    readers = readers_of(graph, value)
    norm = _norm_of(graph, readers[0]) if len(readers) == 1 else None
    operands = list(graph.reads[readers[0]][1:3]) if norm else []
    if norm is None or value not in operands or value not in graph.initializers:
        return None
    channels = shape_of(norm.mean)
    if channels is None or any(shape_of(key) != channels for key in norm.keys):
        return None
    name, dims = str(graph.value_names[value]), tuple(graph.initializers[value].dims)
    if value == operands[0]:
        groups = _groups(graph.nodes[readers[0]])
        if groups is None or shape_of(name) != dims:
            return None
        own = (groups * dims[1],) if groups else dims[:1]
        return ScaledChannels(Key(name), norm.scale, groups) if own == channels else None
    own_key = _bias_key(graph, str(graph.value_names[operands[0]]), name)
    known = own_key is not None and dims == channels and (not own_key or shape_of(own_key) == dims)
    return NormShift(norm.scale, norm.mean, norm.bias, own_key or "") if known else None


def _bias_key(graph: GraphIndex, weight: str, name: str) -> str | None:
    """Return the bias that a layer had before a norm was folded in, '' for none; None if it is not known.

    onnxscript names the new bias of a layer without bias after the weight. It removes a bias of zeros before.
    """
    state = state_of(graph)
    if name in state:
        return name
    removed = f"{weight.rpartition('.')[0]}.bias".removeprefix(".") in state
    return "" if name == f"{weight}_bias" and weight in state and not removed else None


def _groups(node: NodeProto) -> int | None:
    """Return the groups of a transposed convolution, 0 for channels along axis 0; None if not known."""
    integers = {each.name: each.i for each in node.attribute}
    if node.op_type == "ConvTranspose":
        return integers.get("group", 1)
    return 0 if node.op_type == "Conv" or integers.get("transB") == 1 else None


def _norm_of(graph: GraphIndex, node: int) -> RecordedNorm | None:
    """Return the norm that was folded into a node, by the records of exporter and optimizer."""
    message = graph.nodes[node]
    rules = [rule for rule in (get(message, RULE_NAME) or "").split(", ") if not _HARMLESS.fullmatch(rule)]
    record = _NORM.search(get(message, FX_NODE) or "")
    if record is None or rules != [f"{_FUSION}{message.op_type}"]:
        return None
    given, keys = record[2].split(", "), signature(graph)
    at = _EPSILON_AT[record[1]]
    names = ["" if each == "None" else keys.get(each.removeprefix("%"), each) for each in given[1:5]]
    if len(given) <= at or any(name.startswith("%") for name in names) or not all(names[2:]):
        return None
    weight, bias, mean, variance = names
    return RecordedNorm(NormScale(weight, variance, float(given[at])), mean, bias)
