"""Names that are no text are found wherever they stand."""

from __future__ import annotations

import onnx
import pytest

from rewriter.errors import UnreadableModel
from rewriter.model.undecodable_names import demand_text, set_text
from tests.build import model

TEXT = """g (float[2] x, bool c) => (float[2] out_put)
{
  ["/m/Mul"] mul_out = Mul(x, x)
  ["/m/If"] out_put = If(c) <
    then_branch = t () => (float[2] t_out) { t_out = Add(mul_out, x) },
    else_branch = e () => (float[2] e_out) { e_out = Sub(mul_out, x) }>
}"""


@pytest.mark.parametrize("name", ["mul_out", "out_put", "t_out", "/m/Mul", "then_branch", "Mul"])
def test_a_name_that_is_no_text_is_refused(name: str) -> None:
    data = model(TEXT).SerializeToString()
    damaged = data.replace(name.encode(), b"\xff" + name.encode()[1:])
    assert damaged != data
    demand_text(onnx.ModelProto.FromString(data))
    with pytest.raises(UnreadableModel, match="not UTF-8"):
        demand_text(onnx.ModelProto.FromString(damaged))


@pytest.mark.parametrize("text", ["", "caf\u00e9", b"ab\xff\xfe", b"\xff" * 300], ids=repr)
def test_a_text_that_is_none_is_set(text: str | bytes) -> None:
    made = onnx.ModelProto(ir_version=10, doc_string="old", producer_name="kept")
    set_text(made, "doc_string", text)
    assert made.doc_string == text
    again = onnx.ModelProto.FromString(made.SerializeToString())
    assert (again.doc_string, again.producer_name, again.ir_version) == (text, "kept", 10)


@pytest.mark.parametrize("name", ["over_load", "sparse_w"])
def test_rare_names_are_found_as_well(name: str) -> None:
    made = model(TEXT)
    made.graph.node[0].overload = "over_load"
    values = onnx.helper.make_tensor("sparse_w", onnx.TensorProto.FLOAT, [1], [1.0])
    indices = onnx.helper.make_tensor("", onnx.TensorProto.INT64, [1], [0])
    made.graph.sparse_initializer.append(onnx.helper.make_sparse_tensor(values, indices, [2]))
    demand_text(made)
    damaged = made.SerializeToString().replace(name.encode(), b"\xff" + name.encode()[1:])
    with pytest.raises(UnreadableModel, match="not UTF-8"):
        demand_text(onnx.ModelProto.FromString(damaged))
