"""Old versions of operators, and nodes that no schema admits: laws leave them alone, and do not fail."""

from __future__ import annotations

import pytest
from onnx import ModelProto, helper, parser

from rewriter.verdict.laws import Kept
from tests.build import model
from tests.proof.laws.cases import HEAD, proof


def old(opset: int, nodes: str) -> ModelProto:
    graph = f"g (float[2, 4] x, float[4] z) => (float[2, 4] y) {{ {nodes} }}"
    found: ModelProto = parser.parse_model(HEAD.format(opset=opset) + graph)
    return found


OLD = {
    "a cast by name": (5, 'u = Cast<to = "FLOAT">(x)'),
    "a join without an axis": (3, "u = Concat(x, x)"),
    "a split without an axis": (1, "u, v = Split(x)"),
    "a sum that broadcasts by attribute": (6, "u = Add<broadcast = 1, axis = 1>(x, z)"),
    "a reshape by attribute": (4, "u = Reshape<shape = [0, -1]>(x)"),
    "a pad by another name": (1, "u = Pad<paddings = [0, 0, 0, 0]>(x)"),
    "a slice by attributes": (9, "u = Slice<axes = [1], starts = [0], ends = [2]>(x)"),
    "an upsampling": (7, 'u = Upsample<mode = "nearest", scales = [1.0, 1.0]>(x)'),
    "a batch norm that says nothing about training": (
        1,
        "u = BatchNormalization<consumed_inputs = [0, 0]>(x, z, z, z, z)",
    ),
}


@pytest.mark.parametrize("case", OLD.values(), ids=list(OLD))
def test_old_versions_are_read(case: tuple[int, str]) -> None:
    before, after = (old(case[0], f"{case[1]} y = {operator}(x)") for operator in ("Relu", "Tanh"))
    assert proof(before, before).kept is Kept.BITS
    assert proof(before, after).kept is Kept.NOTHING


@pytest.mark.parametrize(
    "operator", ["Reshape", "Slice", "Conv", "Gemm", "MatMul", "Pad", "Cast", "Transpose", "Split"]
)
def test_nodes_without_what_they_need_are_left_alone(operator: str) -> None:
    net = model("g (float[2] x) => (float[2] y) { u = Relu(x) y = Tanh(x) }")
    for inputs in ([], ["x"], ["", "x"], ["x"] * 7):
        net.graph.node[0].CopyFrom(helper.make_node(operator, inputs, ["u"]))
        other = ModelProto()
        other.CopyFrom(net)
        other.graph.node[1].op_type = "Relu"
        assert proof(net, other).kept is Kept.NOTHING
