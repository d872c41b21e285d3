from __future__ import annotations

import onnx
import pytest

from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.runtime.infer.folding import fold
from rewriter.runtime.infer.shapes import infer_shapes
from rewriter.runtime.inputs.signature import Known
from tests.build import model
from tests.exports import EXPORTS

EXPANDED = """g (float[2,3,1] x) => (float[a,b,c] z) {
  [three] shape = Constant<value_ints=[2,-1,4]>()
  rank = Shape(shape)
  ones = ConstantOfShape<value=int64[1] {1}>(rank)
  minus = Constant<value_ints=[-1]>()
  open = Equal(shape, minus)
  wanted = Where(open, ones, shape)
  y = Expand(x, wanted)
  z = Relu(y)
}"""


def known(proto: onnx.ModelProto, sizes: dict[str, int] | None = None) -> dict[str, Known]:
    graph, shapes = GraphIndex(proto), infer_shapes(proto, sizes or {})
    assert shapes.fault is None
    return {graph.value_names[value]: each for value, each in shapes.of.items()}


def test_values_of_all_sorts_have_shapes() -> None:
    found = known(
        model("g (float[2,3] x) => (float[3,2] z) <float[3] w = {1,2,3}> { y = Add(x, w) z = Transpose(y) }")
    )
    assert {name: each.shape for name, each in found.items()} == {
        "x": (2, 3),
        "w": (3,),
        "y": (2, 3),
        "z": (3, 2),
    }
    assert found["y"].element == onnx.TensorProto.FLOAT


def test_shape_arithmetic_is_worked_out() -> None:
    found = known(model(EXPANDED))
    assert found["y"].shape == (2, 3, 4)
    assert found["z"].shape is not None
    assert found["wanted"].shape == (3,)


def test_what_depends_on_inputs_stays_unknown() -> None:
    proto = model("g (float[n,3] x, int64[2] s) => (float[p,q] y) { y = Reshape(x, s) }")
    assert known(proto)["y"].shape is None
    assert known(proto, {"n": 4})["x"].shape == (4, 3)


def test_nothing_to_work_out_is_nothing_changed() -> None:
    proto = model("g (float[n,3] x) => (float[n,3] y) { y = Relu(x) }")
    assert fold(proto, {}) is None


def test_large_tensors_are_never_made() -> None:
    text = """g (float[1] x) => (float[a] y) {
      size = Constant<value_ints=[1000000000000]>()
      big = ConstantOfShape(size)
      y = Add(x, big)
    }"""
    proto = model(text)
    folded = fold(proto, {"size": (1,)})
    assert folded is not None
    assert sum(len(tensor.raw_data) for tensor in folded.graph.initializer) == 8
    assert fold(proto, {"size": (1,), "big": (10**12,)}) is None


def test_random_numbers_are_not_drawn() -> None:
    text = """g (float[1] x) => (float[a] y) {
      r = RandomNormal<shape=[1]>()
      n = Cast<to=7>(r)
      y = Expand(x, n)
    }"""
    assert known(model(text))["y"].shape is None


def test_names_of_bodies_are_told_apart() -> None:
    text = """g (bool c, float[2] x) => (float[m] y) {
      y = If(c) <then_branch = a () => (float[2] t) { v = Relu(x) t = Neg(v) },
                 else_branch = b () => (float[4] t) { v = Concat<axis=0>(x, x) t = Neg(v) }>
    }"""
    proto = model(text)
    graph, shapes = GraphIndex(proto), infer_shapes(proto, {})
    found = [shapes.of[value].shape for value, name in enumerate(graph.value_names) if name == "v"]
    assert found == [(2,), (4,)]


def test_a_broken_model_is_a_fault_or_unknown() -> None:
    proto = model("g (float[2] x) => (float[2] y) { y = Relu(x) }")
    proto.graph.node[0].op_type = "NoSuchOperator"
    shapes = infer_shapes(proto, {})
    assert shapes.of[GraphIndex(proto).bodies[0].values["y"]].shape == (2,)
    bad = onnx.ModelProto()
    assert infer_shapes(bad, {}).of == {}


@pytest.mark.parametrize("case", ["bert/ts", "gpt2/ts", "vit/dy", "external_data/dy"])
def test_static_exports_are_known_whole(case: str) -> None:
    proto = onnx.load(EXPORTS / f"{case}.onnx", load_external_data=False)
    before = proto.SerializeToString()
    graph, shapes = GraphIndex(proto), infer_shapes(proto, {})
    written = [value for values in graph.writes for value in values if value != NONE]
    assert all(shapes.of[value].shape is not None for value in written)
    assert proto.SerializeToString() == before
