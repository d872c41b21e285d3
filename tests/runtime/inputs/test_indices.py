import numpy as np
import onnx
import pytest
from onnx import parser

from rewriter.runtime.inputs.call_frames import Frames
from rewriter.runtime.inputs.indices import bounds
from rewriter.runtime.inputs.input import Bound
from rewriter.runtime.inputs.signature import signature

HEADER = '<ir_version: 9, opset_import: ["" : 21, "m" : 1]>\n'
CONSTANTS = "<int64[1] two = {2}, int64[3] shape = {-1, 1, 1}, float[1] half = {0.5}>"


def found(body: str, head: str = "int64[n] ids", functions: str = "") -> dict[str, tuple[Bound, ...]]:
    text = f"{HEADER}g ({head}) => (float[k] y) {CONSTANTS} {{ {body} }} {functions}"
    model = parser.parse_model(text)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros((50, 4), np.float32), "w"))
    return bounds(Frames(model), signature(model))


@pytest.mark.parametrize(
    ("body", "bound"),
    [
        ("y = Gather(w, ids)", Bound(50)),
        ("y = Gather<axis = 1>(w, ids)", Bound(4)),
        ("y = Gather<axis = -1>(w, ids)", Bound(4)),
        ("y = GatherElements(w, ids)", Bound(50)),
        ("y = GatherND(w, ids)", Bound(4)),
        ("y = ScatterElements(w, ids, w)", Bound(50)),
        ("a = Cast<to = 6>(ids) b = Reshape(a, shape) y = Gather(w, b)", Bound(50)),
        ("a = Concat<axis = 0>(ids, two) y = Gather(w, a)", Bound(50)),
        ("a = Add(ids, two) y = Gather(w, a)", Bound(50, 1, 2)),
        ("a = Mul(ids, two) b = Add(two, a) y = Gather(w, b)", Bound(50, 2, 2)),
        ("a = Sub(ids, two) y = Gather(w, a)", Bound(50)),
        ("c = Constant<value_int = 7>() a = OneHot(ids, c, two) y = Cast<to = 1>(a)", Bound(7)),
        ("v = Identity(w) y = Gather(v, ids)", Bound(50)),
        ("v = Relu(w) y = Gather(v, ids)", Bound(None)),
    ],
)
def test_an_input_is_followed_to_the_table_it_indexes(body: str, bound: Bound) -> None:
    assert found(body) == {"ids": (bound,)}


@pytest.mark.parametrize(
    "body",
    [
        "a = Cast<to = 1>(ids) y = Mul(a, half)",
        "a = Equal(ids, two) b = Cast<to = 7>(a) y = Gather(w, b)",
        "a = ReduceSum(ids) y = Gather(w, a)",
        "a = Cast<to = 1>(ids) b = Sub(half, a) c = Cast<to = 7>(b) y = Gather(w, c)",
        "y = Gather(ids, two)",
    ],
)
def test_what_is_computed_from_an_input_is_no_index(body: str) -> None:
    assert found(body) == {}


def test_a_table_that_is_an_input_bounds_by_its_symbol() -> None:
    limits = found("y = Gather(x, ids)", "int64[n] ids, float[rows, 4] x")
    assert limits == {"ids": (Bound("rows"),)}
    assert limits["ids"][0].limit({"rows": 7}) == 7


def test_floats_that_are_cast_to_an_index_are_bounded_too() -> None:
    assert found("a = Cast<to = 7>(x) y = Gather(w, a)", "float[n] x") == {"x": (Bound(50),)}


def test_functions_are_entered_and_left() -> None:
    functions = """
    <domain: "m", opset_import: ["" : 21]> embed (table, i) => (o) { o = Gather(table, i) }
    <domain: "m", opset_import: ["" : 21]> same (i) => (o) { o = Identity(i) }"""
    assert found("a = m.same(ids) y = m.embed(w, a)", functions=functions) == {"ids": (Bound(50),)}


def test_subgraphs_are_entered_and_left() -> None:
    inside = """y = If(c) <then_branch = t () => (float[k] p) { p = Gather(w, ids) },
                          else_branch = e () => (float[k] q) { q = Gather<axis = 1>(w, ids) }>"""
    assert set(found(inside, "int64[n] ids, bool c")["ids"]) == {Bound(50), Bound(4)}
    outside = """a = If(c) <then_branch = t () => (int64[n] p) { p = Identity(ids) },
                          else_branch = e () => (int64[n] q) { q = Identity(ids) }> y = Gather(w, a)"""
    assert found(outside, "int64[n] ids, bool c") == {"ids": (Bound(50),)}


def test_a_loop_carries_indices() -> None:
    loop = """l = Loop(count, , ids) <body = b (int64 i, bool go, int64[n] state) => (bool on, int64[n] next)
              { on = Identity(go) next = Identity(state) }> y = Gather(w, l)"""
    assert found(loop, "int64[n] ids, int64 count") == {"ids": (Bound(50),)}


def test_names_of_sibling_branches_are_kept_apart() -> None:
    body = """y = If(c) <then_branch = t () => (float[k] p) { z = Identity(ids) p = Cast<to = 1>(z) },
                         else_branch = e () => (float[k] q) { z = Identity(other) q = Gather(w, z) }>"""
    assert found(body, "int64[n] ids, int64[n] other, bool c") == {"other": (Bound(50),)}


def test_functions_that_double_are_not_walked_for_ever() -> None:
    levels = "".join(
        f'<domain: "m", opset_import: ["" : 21, "m" : 1]> f{n} (i) => (o) '
        f"{{ a = m.f{n + 1}(i) b = m.f{n + 1}(i) o = Concat<axis = 0>(a, b) }}\n"
        for n in range(40)
    )
    last = '<domain: "m", opset_import: ["" : 21]> f40 (i) => (o) { o = Identity(i) }'
    assert found("y = m.f0(ids) z = Gather(w, ids)", functions=levels + last) == {"ids": (Bound(50),)}


@pytest.mark.parametrize(
    ("bound", "limit"),
    [(Bound(50), 50), (Bound(50, 1, 2), 48), (Bound(50, 2, 1), 25), (Bound(0), 1), (Bound(3, 1, 9), 1)],
)
def test_the_limit_keeps_the_largest_index_inside(bound: Bound, limit: int) -> None:
    assert bound.limit({}) == limit
    assert limit == 1 or bound.scale * (limit - 1) + bound.offset < 50


def test_a_table_without_rank_bounds_nothing_known() -> None:
    model = parser.parse_model(HEADER + "g (float[] x, int64[n] ids) => (float[k] y) { y = Gather(x, ids) }")
    model.graph.input[0].type.tensor_type.ClearField("shape")
    assert isinstance(model, onnx.ModelProto)
    assert bounds(Frames(model), signature(model)) == {"ids": (Bound(None),)}
