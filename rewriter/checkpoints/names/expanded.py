"""Finds tensors that an exporter made by repeating a parameter, such as a class token for each sample.

The dynamo exporter names such a tensor after torch's operator (`expand_1`, `repeat`), and records the
parameter and the sizes (`val_7`) that it was computed from. The content of the tensor must agree: it repeats
along all axes along which the parameter has one element.
"""

from __future__ import annotations

import re

import numpy as np

from rewriter.checkpoints.arrangement import Expanded
from rewriter.checkpoints.formula import Formula, Key
from rewriter.checkpoints.names.recorded_state import ShapeOf, state_of
from rewriter.evidence.metadata.dynamo import folded_from
from rewriter.model.tensors import array_of
from rewriter.modules.analysis import Analysis

_NAME = re.compile(r"(?:expand|repeat)(?:_\d+)?$")
_SIZE = re.compile(r"val_\d+$")


def expansion_in(analysis: Analysis, value: int, shape_of: ShapeOf) -> Formula | None:
    """Return the formula of a tensor that repeats a parameter; None for others.

    Args:
        analysis: the model.
        value: an initializer.
        shape_of: name of a parameter in the file -> its shape in the new checkpoint; None if it has none.
    """
    graph = analysis.graph
    name, origins = graph.value_names[value], folded_from(graph).get(value, ())
    keys = [origin for origin in origins if origin in state_of(graph)]
    sizes = [origin for origin in origins if origin not in keys]
    if len(keys) != 1 or not _NAME.match(str(name)) or not all(map(_SIZE.match, sizes)):
        return None
    tensor, (key,) = graph.initializers[value], keys
    shape, dims = shape_of(key), tuple(tensor.dims)
    content = array_of(tensor, analysis.path.parent if analysis.path else None)
    if shape is None or content is None or not _repeats(shape, dims):
        return None
    aligned = (*(1 for _ in range(len(dims) - len(shape))), *shape)
    once = content[tuple(slice(0, size) for size in aligned)]
    repeated = bool((np.broadcast_to(once, dims) == content).all())
    return Expanded(Key(key), dims) if repeated else None


def _repeats(shape: tuple[int, ...], dims: tuple[int, ...]) -> bool:
    """Whether a tensor of a shape can be repeated to a larger one."""
    try:
        return np.broadcast_shapes(shape, dims) == dims
    except ValueError:
        return False
