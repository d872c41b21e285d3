"""Numbered projections of torch's multi-head attention get names where the file shows that they are such."""

from __future__ import annotations

import pytest

from rewriter.evidence.metadata import tags
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.build import analyse
from tests.build import model

TORCH = "torch.nn.modules.activation.MultiheadAttention"
KV = ((2, 2, "onnx::Add_10"), (2, 4, "onnx::Add_11"))
SPLIT = (*KV[:1], (2, 2, "onnx::Add_11"), (2, 2, "onnx::Add_12"))
BARE = ((2, 2, ""), (2, 2, ""), (2, 2, ""), (2, 2, ""))


def named(
    *products: tuple[int, int, str], class_name: str = "", output: str = "attn.out_proj.bias"
) -> dict[str, tuple[str, bool, str]]:
    """Return initializer -> its parameter, whether it is transposed, and in what it differs.

    Each product is the rows and columns of a matrix, and the name of the bias or ''.
    """
    held = [f'float[2] "{output}" = {{0}}']
    nodes, results = [], []
    for number, (rows, columns, bias) in enumerate(products):
        held.append(f'float[{rows},{columns}] "onnx::MatMul_{number}" = {{0}}')
        nodes.append(f'[m{number}] p{number} = MatMul(x{number}, "onnx::MatMul_{number}")')
        result = f"p{number}"
        if bias:
            held.append(f'float[{columns}] "{bias}" = {{0}}')
            nodes.append(f'[a{number}] s{number} = Add("{bias}", p{number})')
            result = f"s{number}"
        results.append(f"float[1,{columns}] {result}")
    nodes.append(f'[out] y = Add(x0, "{output}")')
    inputs = ", ".join(f"float[1,{rows}] x{number}" for number, (rows, _, _) in enumerate(products))
    note = {tags.MODULE: "attn"} | ({tags.CLASS: class_name} if class_name else {})
    placed = {f"{letter}{number}": note for number in range(len(products)) for letter in "ma"}
    proto = model(
        f"g ({inputs}) => ({', '.join(results)}, float[1,2] y) <{', '.join(held)}> {{ {' '.join(nodes)} }}",
        **placed,
    )
    found = analyse(GraphIndex(proto)).parameters
    return {
        claim.initializer: (claim.name.removeprefix("attn."), claim.transposed, claim.detail)
        for claim in found
        if claim.initializer != claim.name
    }


def test_a_named_bias_shows_the_packed_weight() -> None:
    assert named((2, 6, "attn.in_proj_bias")) == {"onnx::MatMul_0": ("in_proj_weight", True, "")}


@pytest.mark.parametrize(
    "products",
    [
        [(2, 6, "attn.qkv_bias")],
        [(2, 6, "other.in_proj_bias")],
        [(2, 6, "onnx::Add_10")],
        [(2, 6, "")],
        [(2, 2, "attn.q_bias"), (2, 4, "onnx::Add_11")],
        [(2, 4, "onnx::Add_10"), (2, 2, "onnx::Add_11")],
        SPLIT,  # as other classes of attention do, whose layers are `q_proj`, `k_proj`, `v_proj`
        BARE,
    ],
)
def test_other_classes_have_the_same_matrices(products: list[tuple[int, int, str]]) -> None:
    assert named(*products, class_name="mine.Attention") == {}


def test_key_and_value_in_one_matrix() -> None:
    assert named(*KV) == {
        "onnx::MatMul_0": ("in_proj_weight_q", True, "rows 0 to 2 of in_proj_weight"),
        "onnx::Add_10": ("in_proj_bias_q", False, "rows 0 to 2 of in_proj_bias"),
        "onnx::MatMul_1": ("in_proj_weight_kv", True, "rows 2 to 6 of in_proj_weight"),
        "onnx::Add_11": ("in_proj_bias_kv", False, "rows 2 to 6 of in_proj_bias"),
    }
    assert named(*KV, output="head.bias") == {}


def test_torchs_class_shows_three_matrices() -> None:
    found = named(*SPLIT, class_name=TORCH)
    assert [name for name, _, _ in found.values()] == [
        *("in_proj_weight_q", "in_proj_bias_q", "in_proj_weight_k"),
        *("in_proj_bias_k", "in_proj_weight_v", "in_proj_bias_v"),
    ]
    assert found["onnx::Add_12"][2] == "rows 4 to 6 of in_proj_bias"


def test_other_sizes_of_key_and_value_have_their_own_weights() -> None:
    products = [(2, 2, ""), (3, 2, ""), (4, 2, ""), (2, 2, "")]
    found = named(*products, class_name=TORCH, output="head.bias")
    assert {initializer: name for initializer, (name, _, _) in found.items()} == {
        "onnx::MatMul_0": "q_proj_weight",
        "onnx::MatMul_1": "k_proj_weight",
        "onnx::MatMul_2": "v_proj_weight",
        "onnx::MatMul_3": "out_proj.weight",
    }


@pytest.mark.parametrize(
    "products", [[(2, 2, ""), (2, 3, ""), (2, 1, ""), (2, 2, "")], [(2, 4, ""), (2, 2, "")]]
)
def test_a_class_without_the_form_has_no_names(products: list[tuple[int, int, str]]) -> None:
    assert named(*products, class_name=TORCH, output="head.bias") == {}
