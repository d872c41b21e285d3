"""Finds formulas of tensors with rows of the packed projections of `nn.MultiheadAttention`.

TorchScript splits `in_proj_weight` where query, key and value differ. The evidence names the parts by
letters, such as `in_proj_weight_kv`; each letter is a third of the rows.
"""

from __future__ import annotations

import re

from rewriter.checkpoints.content.kinds.row_formulas import RowRange
from rewriter.checkpoints.formula import Formula, Permuted, Reshaped
from rewriter.checkpoints.names.held import Held
from rewriter.checkpoints.names.recorded_state import ShapeOf
from rewriter.evidence.parameters.parameter_names import readers_of
from rewriter.model.index.graph import GraphIndex

_NAME = re.compile(r"(?P<key>(?:.*\.)?in_proj_(?:weight|bias))_(?P<letters>q|k|v|kv)")
_THIRDS = {"q": (0, 1), "k": (1, 2), "v": (2, 3), "kv": (1, 3)}


def packed_rows(graph: GraphIndex, held: Held, shape_of: ShapeOf) -> Formula | None:
    """Return the rows of a packed parameter that a tensor with one reader holds; None for any other tensor.

    Args:
        graph: the model.
        held: the only parameter that the tensor holds.
        shape_of: name of a parameter in the file -> its shape in the new checkpoint; None if it has none.
    """
    match = _NAME.fullmatch(held.key)
    shape = shape_of(match["key"]) if match else None
    if match is None or shape is None or shape[0] % 3 or len(readers_of(graph, held.value)) != 1:
        return None
    start, stop = (third * shape[0] // 3 for third in _THIRDS[match["letters"]])
    dims = (stop - start, *shape[1:])
    rows = RowRange(match["key"], shape[1] if len(shape) > 1 else 1, start, stop - start)
    if held.claim.transposed:
        return Permuted(rows, (1, 0)) if len(dims) == 2 and held.dims == dims[::-1] else None
    return Reshaped(rows, dims) if held.dims == dims else None
