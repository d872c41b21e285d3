"""In a file that names few weights, nodes before the first named one belong to modules without names."""

from __future__ import annotations

import onnx
import pytest

import rewriter
from tests.build import model

STEM = """
  h = MatMul(x, onnx_MatMul_7) r = Relu(h) s = MatMul(r, onnx_MatMul_8) t = Relu(s)
"""
HEADS = """
  u = MatMul(t, "head.a.weight") v = Relu(u) y = MatMul(v, "head.b.weight")
"""
NAMED = 'float[2,2] "head.a.weight" = {1,2,3,4}, float[2,2] "head.b.weight" = {1,2,3,4}'
UNNAMED = "float[2,2] onnx_MatMul_7 = {1,2,3,4}, float[2,2] onnx_MatMul_8 = {1,2,3,4}"


def placed(text: str) -> dict[str, str | None]:
    """Return output of a node -> its module."""
    analysis = rewriter.load(model(text))
    pairs = zip(analysis.graph.nodes, analysis.tree.placements, strict=True)
    return {node.output[0]: place.module if place else None for node, place in pairs}


def test_what_comes_before_the_first_name_is_not_placed() -> None:
    found = placed(f"g (float[2,2] x) => (float[2,2] y) <{NAMED}, {UNNAMED}> {{ {STEM} {HEADS} }}")
    assert found == {
        **dict.fromkeys("hrst"),
        "u": "head.a",
        "v": "head",
        "y": "head.b",
    }


def test_what_comes_between_names_is_placed_whatever_it_reads() -> None:
    text = f"g (float[2,2] x) => (float[2,2] y) <{NAMED}, {UNNAMED}> {{ {HEADS} }}"
    between = text.replace("v = Relu(u)", "w = MatMul(u, onnx_MatMul_7) v = Relu(w)").replace("(t,", "(x,")
    found = placed(between)
    assert (found["w"], found["v"]) == ("head", "head")


@pytest.mark.parametrize("small", ["float[2] b = {1,2}", "int64[2,1] b = {1,2}"])
def test_nothing_before_the_first_name_is_placed_whatever_it_reads(small: str) -> None:
    read = "k = Cast<to = 1>(b) t = Add(x, k)" if "int64" in small else "t = Add(x, b)"
    found = placed(f"g (float[2,2] x) => (float[2,2] y) <{NAMED}, {small}> {{ {read} {HEADS} }}")
    assert found["t"] is None


def test_what_leads_through_unnamed_weights_to_no_name_is_not_placed() -> None:
    tail = 'u = MatMul(x, "head.a.weight") v = MatMul(u, "head.b.weight")'
    behind = "w = Relu(v) k = Tanh(w) n = MatMul(k, onnx_MatMul_7) y = Relu(n)"
    found = placed(f"g (float[2,2] x) => (float[2,2] y) <{NAMED}, {UNNAMED}> {{ {tail} {behind} }}")
    assert found == {"u": "head.a", "v": "head.b", **dict.fromkeys("wkny")}


def test_the_file_says_how_much_it_knows() -> None:
    proto = model(f"g (float[2,2] x) => (float[2,2] y) <{NAMED}, {UNNAMED}> {{ {STEM} {HEADS} }}")
    assert isinstance(proto, onnx.ModelProto)
    tree = rewriter.tree(proto)
    assert (tree.placed, tree.guessed, tree.unplaced) == (2, 1, 4)


def test_a_change_of_type_is_no_computation() -> None:
    text = """g (float[2,2] x) => (float[2,2] y) <float16[2,2] "onnx::MatMul_5" = {1,2,3,4}> {
      ["/fc/Cast"] h = Cast<to = 10>(x)
      ["/fc/MatMul"] m = MatMul(h, "onnx::MatMul_5")
      ["/fc/Cast_1"] y = Cast<to = 1>(m)
    }"""
    found = rewriter.load(model(text)).parameters
    assert [(claim.initializer, claim.name) for claim in found] == [("onnx::MatMul_5", "fc.weight")]
