"""Tensors of the file: shapes that say no number of elements are refused."""

from __future__ import annotations

import pytest
from onnx import SparseTensorProto, TensorProto, helper

import rewriter
from rewriter.errors import UnreadableModel
from tests.build import model

TEXT = 'g (float[2] x) => (float[2] y) { y = Add(x, "fc.weight") }'


@pytest.mark.parametrize("kind", ["initializer", "external", "constant", "sparse"])
def test_a_negative_size_is_refused_whether_data_is_read_or_not(kind: str) -> None:
    """onnxruntime refuses such a file, too; two negative sizes would count as a positive number."""
    made = model(TEXT)
    tensor = TensorProto(name="fc.weight", dims=[-2, -3], data_type=TensorProto.FLOAT)
    if kind == "sparse":
        values = TensorProto(name="fc.weight", dims=[0], data_type=TensorProto.FLOAT)
        indices = TensorProto(dims=[0], data_type=TensorProto.INT64)
        made.graph.sparse_initializer.append(SparseTensorProto(values=values, indices=indices, dims=[-2]))
    elif kind == "constant":
        made.graph.node.insert(0, helper.make_node("Constant", [], ["fc.weight"], value=tensor))
    else:
        if kind == "external":
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="weights")
        made.graph.initializer.append(tensor)
    with pytest.raises(UnreadableModel, match=r"tensor 'fc\.weight': a size in its shape is negative"):
        rewriter.load(made)
