"""The rule by which a reader of named weights is placed."""

from __future__ import annotations

import pytest

from rewriter import pipeline
from rewriter.evidence.certainty import Certainty, PlacementRule
from tests.build import model

SQUARE = "= {1,2,3,4}"
VECTOR = "= {1,2}"


@pytest.mark.parametrize(
    ("weights", "nodes", "rule"),
    [
        (f'float[2,2] "a.fc.weight" {SQUARE}', 'y = MatMul(x, "a.fc.weight")', PlacementRule.OWN_WEIGHT),
        (f'float[2,2] "fc.weight" {SQUARE}', 'y = MatMul(x, "fc.weight")', PlacementRule.OWN_WEIGHT),
        (
            f'float[2,2] "a.out.weight" {SQUARE}, float[2] "a.in_bias" {VECTOR}',
            'y = MatMul(x, "a.out.weight") u = Add(x, "a.in_bias")',
            PlacementRule.FUNCTIONAL,
        ),
        (
            f'float[2,2] "a.fc.weight" {SQUARE}',
            'u = MatMul(x, "a.fc.weight") y = MatMul(u, "a.fc.weight")',
            PlacementRule.SHARED_WEIGHT,
        ),
        (
            f'float[2,2] "a.fc.weight" {SQUARE}',
            '"b.fc.weight" = Identity("a.fc.weight") y = Neg(x)',
            PlacementRule.TEXT,
        ),
    ],
)
def test_the_rule_follows_from_the_readers_and_the_module_above(
    weights: str, nodes: str, rule: PlacementRule
) -> None:
    analysis = pipeline.load(model(f"g (float[2,2] x) => (float[2,2] y) <{weights}> {{ {nodes} }}"))
    first = analysis.claims[0][0]
    assert first.by_rule is rule
    placement = analysis.tree.placements[0]
    assert placement is not None
    assert placement.certainty is rule.certainty


def test_a_shared_weight_is_no_inference() -> None:
    assert PlacementRule.SHARED_WEIGHT.certainty is PlacementRule.FUNCTIONAL.certainty is Certainty.GUESSED
