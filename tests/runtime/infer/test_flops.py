"""Operations by hand, operator by operator, and over all exports: nothing is zero because nobody knew."""

from __future__ import annotations

import re

import onnx
import pytest

from rewriter.insight.figures import bytes_of, figures_of
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.build import analyse
from rewriter.modules.module import Parameter
from rewriter.modules.totals import totals
from rewriter.runtime.infer.flops import RULES, flops_of
from rewriter.runtime.infer.shapes import infer_shapes
from tests.build import chain, model
from tests.exports import EXPORTS, FILES


def count(text: str, opset: int = 17) -> int | str:
    """The operations of the last node of a graph."""
    proto = model(text)
    proto.opset_import[0].version = opset
    return flops_of(GraphIndex(proto), infer_shapes(proto, {}))[-1]


@pytest.mark.parametrize(
    ("text", "flops"),
    [
        ("g (float[2,3] a, float[3,5] b) => (float[2,5] y) { y = MatMul(a, b) }", 2 * 2 * 5 * 3),
        ("g (float[7,2,3] a, float[3,5] b) => (float[7,2,5] y) { y = MatMul(a, b) }", 2 * 7 * 2 * 5 * 3),
        ("g (float[3] a, float[3] b) => (float y) { y = MatMul(a, b) }", 2 * 3),
        (
            "g (float[3,2] a, float[3,5] b, float[5] c) => (float[2,5] y) { y = Gemm<transA=1>(a, b, c) }",
            (2 * 3 + 1) * 10,
        ),
        ("g (float[2,3] a, float[3,5] b) => (float[2,5] y) { y = Gemm(a, b) }", 2 * 3 * 10),
        (
            "g (float[1,4,8,8] x, float[6,2,3,3] w, float[6] b) => (float[1,6,6,6] y) "
            "{ y = Conv<group=2>(x, w, b) }",
            (2 * 2 * 9 + 1) * 6 * 36,
        ),
        (
            "g (float[1,4,5,5] x, float[4,3,2,2] w) => (float[1,3,6,6] y) { y = ConvTranspose(x, w) }",
            2 * 3 * 4 * (4 * 25),
        ),
        ("g (float[2,3] a, float[3] b) => (float[2,3] y) { y = Add(a, b) }", 6),
        ("g (float[2,3] a) => (float[2,3] y) { y = Erf(a) }", 6),
        ("g (float[2,3] a) => (float[2,3] y) { y = Sum(a, a, a) }", 12),
        ("g (float[2,3] a) => (float[2,3] y) { y = Softmax(a) }", 30),
        ("g (float[2,3] a, float[3] s) => (float[2,3] y) { y = LayerNormalization(a, s) }", 42),
        ("g (float[2,3] a) => (float[1,1] y) { y = ReduceMean(a) }", 6),
        ("g (float[1,1,4,4] a) => (float[1,1,2,2] y) { y = MaxPool<kernel_shape=[3,3]>(a) }", 9 * 4),
        ("g (float[2,3] a) => (float[3,2] y) { y = Transpose(a) }", 0),
        (
            'g (float[2,3] a, float[3,4] b) => (float[2,4] y) { y = Einsum<equation="ij,jk->ik">(a, b) }',
            2 * 24,
        ),
        (
            "g (float[5,2,3] x, float[1,16,3] w, float[1,16,4] r) => (float[5,1,2,4] y) "
            "{ y = LSTM<hidden_size=4>(x, w, r) }",
            2 * 5 * 2 * 16 * (3 + 4),
        ),
        (
            "g (float[N,3] a) => (float[N,3] y) { y = Erf(a) }",
            "Erf: the shape of an input or output is unknown",
        ),
        ("g (float[2,3] a) => (float[2,3] y) { y = other.Thing(a) }", "no rule for Thing"),
    ],
)
def test_operations_by_hand(text: str, flops: int | str) -> None:
    assert count(text) == flops


def test_attention_is_both_products_and_the_softmax() -> None:
    text = (
        "g (float[2,4,6,8] q, float[2,4,7,8] k, float[2,4,7,3] v) => (float[2,4,6,3] y) "
        "{ y = Attention(q, k, v) }"
    )
    assert count(text, 23) == 2 * 4 * 6 * 7 * (2 * 8 + 2 * 3 + 5)


def test_sizes_make_symbols_known() -> None:
    proto = model("g (float[N,3] a) => (float[N,3] y) { y = Erf(a) }")
    assert flops_of(GraphIndex(proto), infer_shapes(proto, {"N": 4})) == [12]


def test_a_broken_file_is_told_not_zero() -> None:
    proto = model("g (float[2,3] a, float[9,5] b) => (float[2,5] y) { z = MatMul(a, b) y = Relu(z) }")
    shapes = infer_shapes(proto, {})
    found = flops_of(GraphIndex(proto), shapes)
    assert isinstance(found[0], str) or shapes.fault


def test_weights_are_not_handed_over_and_shapes_are_found_all_the_same() -> None:
    analysis = analyse(GraphIndex(onnx.load(EXPORTS / "external_data" / "dy.onnx", load_external_data=False)))
    shapes = infer_shapes(analysis.model, {})
    assert all(isinstance(flops, int) for flops in flops_of(analysis.graph, shapes))


def test_the_table_has_every_operator_of_the_exports() -> None:
    there = set()
    for path in FILES[::3]:
        for node in GraphIndex(onnx.load(path, load_external_data=False)).nodes:
            if node.domain == "":
                there.add(node.op_type)
    assert len(there) > 60
    assert there - RULES.keys() == set()


def test_modules_add_up() -> None:
    proto = chain("/a/b/Relu", "/a/Relu", "/a/c/Erf", "/Relu", "nobody")
    analysis = analyse(GraphIndex(proto))
    found = figures_of(analysis, [1, 2, "unknown", 8, 16])
    assert {path: figures.flops for path, figures in found.items()} == {
        "": (8, 11),
        "a": (2, 3),
        "a.b": (1, 1),
        "a.c": (0, 0),
    }
    assert {path: figures.unknown for path, figures in found.items()} == {
        "": (0, 1),
        "a": (0, 1),
        "a.b": (0, 0),
        "a.c": (1, 1),
    }


@pytest.mark.parametrize(
    ("dtype", "size"),
    [("float32", 12), ("bfloat16", 6), ("float8e4m3fn", 3), ("int4", 2), ("bool", 3), ("string", 0)],
)
def test_bytes_follow_the_type(dtype: str, size: int) -> None:
    assert bytes_of(Parameter("w", "w", (3,), dtype)) == size


def test_tied_weights_count_once() -> None:
    tree = analyse(GraphIndex(onnx.load(EXPORTS / "tied_weights" / "ts.onnx"))).tree
    every = {p.initializer: p.count for module in tree for p in module.parameters}
    assert totals(tree.modules)[tree.root.path][1] == sum(every.values())


PRODUCTS = re.compile(r"MatMul|Gemm|Conv|Attention")


@pytest.mark.parametrize("case", ["bert", "gpt2", "resnet", "vit"])
def test_both_exporters_give_products_of_the_same_size(case: str) -> None:
    every = []
    for variant in ("ts", "dy"):
        analysis = analyse(GraphIndex(onnx.load(EXPORTS / case / f"{variant}.onnx")))
        flops = flops_of(analysis.graph, infer_shapes(analysis.model, {}))
        products = [
            (node, count)
            for node, count in zip(analysis.graph.nodes, flops, strict=True)
            if PRODUCTS.search(node.op_type)
        ]
        assert all(isinstance(count, int) for _, count in products)
        every.append(sum(int(count) for _, count in products))
    assert every[0] == pytest.approx(every[1], rel=0.02)
