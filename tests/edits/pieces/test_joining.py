from __future__ import annotations

import onnx
import pytest

import rewriter
from rewriter.errors import CannotImplant
from rewriter.model.metadata import read
from tests.build import model
from tests.edits.layers import (
    BRANCHES,
    LAYERS,
    LOOP,
    extracted,
    implanted,
    layer,
    operators,
    parsed,
    whole,
)


def test_names_of_the_model_win() -> None:
    piece = layer(
        '<float[2, 2] "l.0.weight" = {9.0, 9.0, 9.0, 9.0}> { ["/l.0/Mul"] a = MatMul (b, "l.0.weight") '
        "x = Relu (a) two = Constant <value = float {5.0}> () y = Mul (x, two) }"
    )
    graph = implanted(whole(), {"l.1": piece}).model.graph
    assert [tensor.name for tensor in graph.initializer] == ["l.0.weight", "l.0.weight_1"]
    assert [list(node.output) for node in graph.node[4:]] == [["a_1"], ["x_1"], ["two_1"], ["y"]]
    assert graph.node[4].name == "/l.0/Mul_1"


def test_constants_and_weights_of_the_model_are_used_again() -> None:
    piece = extracted(whole(), "l.1")
    found = implanted(whole(), {"l.1": piece})
    assert len(piece.graph.node) == 4  # its own copy of the constant among them
    assert operators(found) == [node.op_type for node in whole().graph.node]
    assert found.model.graph.initializer == whole().graph.initializer


def test_weights_of_the_module_go() -> None:
    found = implanted(whole(), {"l.1": layer("{ y = Relu (b) }")})
    assert [tensor.name for tensor in found.model.graph.initializer] == ["l.0.weight"]


def test_an_output_that_no_node_writes() -> None:
    found = implanted(whole(), {"l.1": parsed("g (float[N, 2] b) => (float[N, 2] b) {}")})
    assert [*found.model.graph.node[-1].input, *found.model.graph.node[-1].output] == ["b", "y"]


def test_nodes_outside_keep_their_place_around_a_module_that_is_left_and_entered_again() -> None:
    source = model(
        "g (float[2] x) => (float[2] y) <float[2] a, float[2] b> { "
        '["/m/Relu"] a = Relu (x) ["/o/Neg"] b = Neg (a) '
        '["/m/Add"] y = Add (a, b) }'
    )
    found = implanted(source, {"m": extracted(source, "m")})
    assert operators(found) == ["Relu", "Neg", "Add"]
    other = parsed("g (float[2] x, float[2] b) => (float[2] a, float[2] y) { y = Abs (b) a = Exp (x) }")
    assert operators(implanted(source, {"m": other})) == ["Exp", "Neg", "Abs"]
    circle = parsed("g (float[2] x, float[2] b) => (float[2] a, float[2] y) { a = Add (x, b) y = Neg (a) }")
    with pytest.raises(CannotImplant, match="would feed itself"):
        implanted(source, {"m": circle})


def test_into_a_loop() -> None:
    piece = parsed(
        "g (float[2] s) => (float[2] z) <float[2] x = {3.0, 4.0}> { y = Mul (s, x) i = Neg (y) z = Abs (i) }"
    )
    found = implanted(model(LOOP), {"blk": piece})
    body = found.model.graph.node[0].attribute[0].g
    assert [node.op_type for node in body.node] == ["Identity", "Mul", "Neg", "Abs", "Add"]
    assert [tensor.name for tensor in found.model.graph.initializer] == ["t", "x_1"]
    onnx.checker.check_model(found.model, full_check=True)


def test_each_branch_with_one_piece_that_has_branches_itself() -> None:
    piece = parsed(
        """g (float[2] x) => (float[2] o) <bool k = {1}> {
          o = If (k) <then_branch = t () => (float[2] q) { q = Relu (x) },
                      else_branch = e () => (float[2] w) { w = Neg (x) }> }"""
    )
    found = implanted(model(BRANCHES), {"a@all": piece})
    onnx.checker.check_model(found.model, full_check=True)
    assert [tensor.name for tensor in found.model.graph.initializer] == ["k"]


def test_a_weight_of_one_branch_is_not_seen_in_the_other() -> None:
    source = model(
        """g (float[2] x, bool c) => (float[2] y) {
          ["/If"] y = If (c) <
            then_branch = t () => (float[2] o) <float[2] w = {1.0, 2.0}> { ["/a/Mul"] o = Mul (x, w) },
            else_branch = e () => (float[2] p) { ["/a/Neg"] p = Neg (x) }> }"""
    )
    found = implanted(source, {"a@all": extracted(source, "a", call=0)}).model
    onnx.checker.check_model(found, full_check=True)
    assert [tensor.name for tensor in found.graph.initializer] == ["w_1"]


def test_calls_that_exchange_names() -> None:
    text = """g (float[2] x) => (float[2] y) <float[2] a, float[2] b> {
      ["/m/Relu"] p = Relu (x)  ["/m/Neg"] a = Neg (p)  ["/o/Abs"] b = Abs (a)
      ["/m_1/Relu"] q = Relu (b)  ["/m_1/Neg"] y = Neg (q) }"""
    source = model(text)
    found = implanted(source, {"m@all": extracted(source, "m", call=1)})
    assert [list(node.output) for node in found.model.graph.node] == [["q_1"], ["a"], ["b"], ["q"], ["y"]]


def test_before_ir_version_4_every_initializer_is_listed() -> None:
    text = LAYERS.replace(
        "float[N, 2] x)", 'float[N, 2] x, float[2, 2] "l.0.weight", float[2, 2] "l.1.weight")'
    )
    source = parsed(text, 9, ir=3)
    piece = layer("<float[2, 2] k = {1.0, 2.0, 3.0, 4.0}> { y = MatMul (b, k) }", 9, ir=8)
    found = implanted(source, {"l.1": piece}).model
    assert [info.name for info in found.graph.input] == ["x", "l.0.weight", "k"]
    assert found.ir_version == 3


def test_sizes_of_the_piece_are_not_named_like_those_of_the_model() -> None:
    piece = layer("<float[N, 2] k> { k = Relu (b) y = Neg (k) }")
    [*_, info] = implanted(whole(), {"l.1": piece}).model.graph.value_info
    assert [dim.dim_param for dim in info.type.tensor_type.shape.dim] == ["", ""]


def test_types_that_the_model_states_go_unless_they_hold() -> None:
    source = model(LAYERS.replace("size>", "size, float[N, 2] c, float[N, 2] d>"))
    half = layer(
        "<float16[N, 2] c, float[N, 2] d> { c = Cast <to = 10> (b) d = Cast <to = 1> (c) y = Relu (d) }"
    )
    stated = implanted(source, {"l.1": half}).model.graph.value_info
    types = {info.name: info.type.tensor_type for info in stated}
    assert {name: kind.elem_type for name, kind in types.items()} == {"b": 1, "size": 7, "c": 10, "d": 1}
    assert [types[name].shape.dim[0].dim_param for name in ("c", "d")] == ["", "N"]
    left = implanted(source, {"l.1": layer("{ y = Relu (b) }")}).model.graph.value_info
    assert [info.name for info in left] == ["b", "size"]


def test_metadata_of_pieces_stays() -> None:
    piece = layer('{ ["/l.1/Relu"] y = Relu (b) }')
    piece.graph.node[0].metadata_props.add(key="k", value="v")
    assert read(implanted(whole(), {"l.1": piece}).model.graph.node[-1]) == {"k": "v"}


def test_the_model_is_not_changed() -> None:
    source = rewriter.open(whole())
    before = source.opened.model.SerializeToString()
    source.implant({"l.1": layer("{ y = Relu (b) }")}, numbers=False)
    assert source.opened.model.SerializeToString() == before


def test_names_of_sizes_in_bodies_of_a_piece_go() -> None:
    """`N` of the piece is no size of the model, and onnxruntime reuses buffers by such names."""
    piece = parsed(
        """g (float[K, 2] b) => (float[K, 2] y) {
          c = Constant <value = bool {1}> ()
          y = If (c) <
            then_branch = t () => (float[K, 2] o) <float[N, 2] u> {
              u = Concat <axis = 0> (b, b) o = Neg (b) },
            else_branch = e () => (float[K, 2] p) { p = Neg (b) }> }"""
    )
    found = implanted(whole(), {"l.1": piece})
    branch = found.model.graph.node[-1].attribute[0].g
    assert [dim.dim_param for dim in branch.value_info[0].type.tensor_type.shape.dim] == ["", ""]
    assert branch.value_info[0].type.tensor_type.shape.dim[1].dim_value == 2
