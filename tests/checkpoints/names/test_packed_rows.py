"""Tensors with rows of the packed projections of an attention get these rows."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from rewriter.checkpoints.names.held import Held
from rewriter.checkpoints.names.packed_rows import packed_rows
from rewriter.evidence.claims import ParameterClaim, Source
from rewriter.model.index.graph import GraphIndex
from rewriter.model.tensors import Array
from rewriter.paths import ModulePath
from tests.checkpoints.models import drawn, model, node

WEIGHT, BIAS = drawn(12, 4), drawn(12, seed=1)


def rows(name: str, dims: tuple[int, ...], *, transposed: bool, readers: int = 1) -> Array | None:
    nodes = [node("Add", f"/m/Add_{number}", ["x", "t"], f"y{number}") for number in range(readers)]
    graph = GraphIndex(model(nodes, {"t": np.zeros(dims, np.float32)}, out="y0"))
    claim = ParameterClaim("t", ModulePath(name), transposed, Source.PARAMETER)
    held = Held(claim.name, graph.value("t"), dims, TensorProto.FLOAT, claim)
    state = {"m.in_proj_weight": WEIGHT, "m.in_proj_bias": BIAS}
    shapes = {key: array.shape for key, array in state.items()}
    found = packed_rows(graph, held, shapes.get)
    return None if found is None else found.evaluate(state.__getitem__)


@pytest.mark.parametrize(
    ("name", "dims", "want"),
    [
        ("m.in_proj_weight_q", (4, 4), WEIGHT[:4].T),
        ("m.in_proj_weight_kv", (4, 8), WEIGHT[4:].T),
        ("m.in_proj_bias_k", (4,), BIAS[4:8]),
        ("m.in_proj_bias_v", (4,), BIAS[8:]),
    ],
)
def test_each_letter_is_a_third(name: str, dims: tuple[int, ...], want: Array) -> None:
    np.testing.assert_array_equal(rows(name, dims, transposed=len(dims) == 2), want)


@pytest.mark.parametrize(
    ("name", "dims", "readers"),
    [("m.in_proj_bias_q", (4,), 2), ("m.in_proj_bias_q", (8,), 1), ("m.proj_bias_q", (4,), 1)],
)
def test_merged_parts_and_other_shapes_have_no_rows(name: str, dims: tuple[int, ...], readers: int) -> None:
    assert rows(name, dims, transposed=False, readers=readers) is None
