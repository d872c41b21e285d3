"""The law of rounded evaluation, with evaluators whose results the tests choose."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from onnx import ModelProto

from rewriter.runtime.infer.constants import Values
from rewriter.verdict.laws import Kept, LawProof, prove_by_laws
from tests.proof.laws.cases import Case

ONE, OTHER, THIRD = (np.float32(text) for text in ("2.7182817", "2.718282", "2.7182824"))
HEAD = "(float[n] x) => (float[n] y)"
EXP = "c = Constant<value = float {1}>() e = Exp(c) y = Mul(x, e)"


def proof(number: np.float32, *values: np.float32) -> LawProof:
    """Proof by laws of a product with exp(1) and one with a number, where exp(1) has some values."""
    case = Case(HEAD, EXP, f"c = Constant<value = float {{{number:.9g}}}>() y = Mul(x, c)")

    def evaluate(model: ModelProto, *, timeout: float) -> Mapping[str, Values]:
        (node,) = model.graph.node
        return {node.output[0]: tuple(np.array(value) for value in values)}

    return prove_by_laws(*case.models, (None, None), laws="rounding", timeout=1, evaluate=evaluate)


@pytest.mark.parametrize("number", [ONE, OTHER])
def test_both_values_count(number: np.float32) -> None:
    found = proof(number, ONE, OTHER)
    assert found.kept is Kept.ROUNDED
    assert dict(found.bounds) == {"rounded evaluation": "4 ulp of each element of the constant"}


def test_a_value_near_both_does_not() -> None:
    assert proof(THIRD, ONE, OTHER).kept is Kept.NOTHING


def test_one_value_is_certain() -> None:
    assert proof(ONE, ONE).kept is Kept.BITS
    assert proof(OTHER, ONE).kept is Kept.NOTHING


def test_no_value_proves_nothing() -> None:
    assert proof(ONE).kept is Kept.NOTHING
