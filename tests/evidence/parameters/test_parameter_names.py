"""Placement of readers of named weights: the module, and the rule."""

from __future__ import annotations

import pytest

import rewriter
from rewriter import pipeline
from rewriter.evidence.certainty import Certainty, Rule
from tests.build import model

TEXT = """g (float[1,2,3,3] x) => (float[1,2,3,3] y)
<float[2,2,1,1] "WEIGHT" = {1,2,3,4}, float[2] "BIAS" = {1,2}> { y = Conv(x, "WEIGHT", "BIAS") }"""


def placed(weight: str, bias: str) -> tuple[str | None, dict[str, tuple[str, ...]]]:
    """The module of a convolution, and the modules that were folded."""
    tree = rewriter.tree(model(TEXT.replace("WEIGHT", weight).replace("BIAS", bias)))
    (place,) = tree.placements
    return place.module if place else None, {m.path: m.folded_into for m in tree if m.folded_into}


def test_a_norm_that_onnxruntime_folded_does_not_place_the_convolution() -> None:
    names = ("ConvBnFusion_W_a.conv.weight", "ConvBnFusion_BN_B_a.bn.bias")
    assert placed(*names) == ("a.conv", {"a.bn": ("a.conv",)})


@pytest.mark.parametrize("kind", ["Mul", "Add"])
def test_a_factor_or_summand_that_onnxruntime_folded_does_not_either(kind: str) -> None:
    assert placed("a.conv.weight", f"Conv{kind}Fusion_{kind}_B_b.scale") == ("a.conv", {})


def test_a_bias_of_another_module_counts_if_nothing_was_folded() -> None:
    assert placed("a.conv.weight", "a.other.bias") == ("a", {})


def test_a_folded_name_of_a_value_names_no_parameter() -> None:
    assert placed("MatMulBnFusion_GemmB_/out/out.0/Transpose_output_0", "bias") == (None, {})


SQUARE = "= {1,2,3,4}"
VECTOR = "= {1,2}"


@pytest.mark.parametrize(
    ("weights", "nodes", "rule"),
    [
        (f'float[2,2] "a.fc.weight" {SQUARE}', 'y = MatMul(x, "a.fc.weight")', Rule.OWN_WEIGHT),
        (f'float[2,2] "fc.weight" {SQUARE}', 'y = MatMul(x, "fc.weight")', Rule.OWN_WEIGHT),
        (
            f'float[2,2] "a.out.weight" {SQUARE}, float[2] "a.in_bias" {VECTOR}',
            'y = MatMul(x, "a.out.weight") u = Add(x, "a.in_bias")',
            Rule.FUNCTIONAL,
        ),
        (
            f'float[2,2] "a.fc.weight" {SQUARE}',
            'u = MatMul(x, "a.fc.weight") y = MatMul(u, "a.fc.weight")',
            Rule.SHARED_WEIGHT,
        ),
        (
            f'float[2,2] "a.fc.weight" {SQUARE}',
            '"b.fc.weight" = Identity("a.fc.weight") y = Neg(x)',
            Rule.TEXT,
        ),
    ],
)
def test_the_rule_follows_from_the_readers_and_the_module_above(weights: str, nodes: str, rule: Rule) -> None:
    analysis = pipeline.load(model(f"g (float[2,2] x) => (float[2,2] y) <{weights}> {{ {nodes} }}"))
    first = analysis.claims[0][0]
    assert first.by_rule is rule
    placement = analysis.tree.placements[0]
    assert placement is not None
    assert placement.certainty is rule.certainty


def test_a_shared_weight_is_no_inference() -> None:
    assert Rule.SHARED_WEIGHT.certainty is Rule.FUNCTIONAL.certainty is Certainty.GUESSED
