"""Weights that the exporter numbered get their names by the operands of a leaf of one operator."""

from __future__ import annotations

import pytest

from rewriter.evidence.claims import ParameterClaim
from rewriter.evidence.lost_names.operand_names import COMPUTED
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.build import analyse
from rewriter.passes.restore_names import RestoreNames
from tests.build import model

CONV = """g (float[1,2,4,4] x) => (float[1,2,2,2] y)
<float[2,2,3,3] "onnx::Conv_81" = {0}, float[2] "onnx::Conv_82" = {1,2}> {
  ["/block/conv/Conv"] y = Conv(x, "onnx::Conv_81", "onnx::Conv_82")
}"""
OF_CONV = 'Conv(x, "onnx::Conv_81", "onnx::Conv_82")'


def claims(text: str, **nodes: dict[str, str]) -> tuple[ParameterClaim, ...]:
    return analyse(GraphIndex(model(text, **nodes))).parameters


def named(text: str, **nodes: dict[str, str]) -> dict[str, str]:
    """Return initializer -> its parameter, for initializers that have another name."""
    return {c.initializer: c.name for c in claims(text, **nodes) if c.initializer != c.name}


def test_two_consecutive_numbers_are_a_folded_batch_norm() -> None:
    assert named(CONV) == {"onnx::Conv_81": "block.conv.weight", "onnx::Conv_82": "block.conv.bias"}
    assert {claim.detail for claim in claims(CONV)} == {COMPUTED}


def test_padding_belongs_to_the_convolution() -> None:
    padded = 'p = Pad(x, sizes) ["/block/conv/Conv"] y = Conv(p,'
    text = CONV.replace('["/block/conv/Conv"] y = Conv(x,', f'["/block/conv/Pad"] {padded}')
    text = text.replace("<float", "<int64[8] sizes = {0,0,0,0,0,0,0,0}, float", 1)
    assert named(text)["onnx::Conv_81"] == "block.conv.weight"


@pytest.mark.parametrize(
    ("former", "latter"),
    [
        ("<float", '<float[1] "onnx::Mul_80" = {1}, float'),  # computed after another tensor
        ("onnx::Conv_82", "onnx::Conv_83"),  # no pair: any kernel, computed from any parameter
        (', "onnx::Conv_82")', ")"),
        (OF_CONV, f'{OF_CONV} ["/block/conv/Relu"] z = Relu(y)'),  # no leaf of one operator
        (OF_CONV, f'{OF_CONV} ["/block/conv/part/Relu"] z = Relu(y)'),  # no leaf
        ("/block/conv/Conv", "/Conv"),
        ("onnx::Conv", "kernel"),
        ("<float", '<float[1] "block.conv.weight" = {1}, float'),  # the name is taken
        (
            'x, "onnx::Conv_81"',
            'x, "onnx::Conv_81", "onnx::Conv_82") ["/block/conv/Conv_1"] z = Conv(x, "onnx::Conv_84"',
        ),
    ],
)
def test_without_proof_there_is_no_name(former: str, latter: str) -> None:
    text = CONV.replace(former, latter).replace(
        "<float[2,2", '<float[2,2,3,3] "onnx::Conv_84" = {0}, float[2,2', 1
    )
    assert text != CONV
    assert [n for n in named(text).values() if n.startswith("block.conv.w")] == []


def test_a_named_bias_shows_the_weight() -> None:
    text = CONV.replace("onnx::Conv_82", "block.conv.bias")
    assert named(text) == {"onnx::Conv_81": "block.conv.weight"}


GEMM = """g (float[1,2] x) => (float[1,3] y)
<float[2,3] "onnx::Gemm_5" = {0}, float[3] "fc.bias" = {1,2,3}> {
  ["/fc/Gemm"] y = Gemm<transB = 0>(x, "onnx::Gemm_5", "fc.bias")
}"""


@pytest.mark.parametrize(
    ("flag", "transposed"), [("<transB = 0>", True), ("", True), ("<transB = 1>", False)]
)
def test_gemm_tells_the_layout(flag: str, *, transposed: bool) -> None:
    found = {c.initializer: c for c in claims(GEMM.replace("<transB = 0>", flag))}["onnx::Gemm_5"]
    assert (found.name, found.transposed) == ("fc.weight", transposed)


@pytest.mark.parametrize(
    ("operator", "known", "found"),
    [
        ("BatchNormalization", "bn.bias", ["bn.weight"]),
        ("InstanceNormalization", "bn.bias", ["bn.weight"]),
        ("InstanceNormalization", "onnx::InstanceNormalization_6", []),  # ones and zeros, perhaps
        ("InstanceNormalization", "bn.weight", []),
    ],
)
def test_norms_need_a_named_bias(operator: str, known: str, found: list[str]) -> None:
    more = ', "bn.mean", "bn.var"' if operator.startswith("Batch") else ""
    held = ", ".join(f'float[2] "bn.{name}" = {{1,1}}' for name in ("mean", "var"))
    first = f"onnx::{operator}_5"
    order = (known, first) if known == "bn.weight" else (first, known)
    text = f"""g (float[1,2,4] x) => (float[1,2,4] y)
    <float[2] "{first}" = {{1,1}}, float[2] "{known}" = {{1,2}}, {held}> {{
      ["/bn/{operator}"] y = {operator}(x, "{order[0]}", "{order[1]}"{more})
    }}"""
    assert list(named(text).values()) == found


TABLE = """g (int64[2] x) => (float[2,3] y) <float[4,3] "onnx::Gather_5" = {0}> {
  [look_up] y = Gather("onnx::Gather_5", x)
}"""


@pytest.mark.parametrize(
    ("class_name", "found"),
    [
        ("torch.nn.modules.sparse.Embedding", {"onnx::Gather_5": "words.weight"}),
        ("mine.Embedding", {}),
    ],
)
def test_a_class_of_torch_defines_the_name(class_name: str, found: dict[str, str]) -> None:
    placed = {tags.MODULE: "words", tags.CLASS: class_name}
    assert named(TABLE, look_up=placed) == found


def test_a_second_run_repeats_in_what_a_weight_differs() -> None:
    proto = model(CONV)
    RestoreNames().run(analyse(GraphIndex(proto)))
    assert [tensor.name for tensor in proto.graph.initializer] == ["block.conv.weight", "block.conv.bias"]
    assert metadata.read(proto.graph.initializer[0])[tags.DIFFERS] == COMPUTED
    again = analyse(GraphIndex(proto)).parameters
    assert [(claim.name, claim.detail) for claim in again] == [
        ("block.conv.weight", COMPUTED),
        ("block.conv.bias", COMPUTED),
    ]
