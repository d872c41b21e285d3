"""The names that a replaced module may get."""

from __future__ import annotations

import pytest

from rewriter.edits.operator_name import OperatorName
from rewriter.errors import UsageError
from tests.build import model

MINE = OperatorName("mine", "Op")


@pytest.mark.parametrize("text", ["my.domain:Fused", "a:B", "com.microsoft:Attention", "com.microsoft:Mine"])
def test_a_name_is_read_as_it_is_written(text: str) -> None:
    assert str(OperatorName.of(text)) == text


@pytest.mark.parametrize(
    "text",
    ["Fused", ":Fused", "my.domain:", "a:b:c", "my..domain:Fused", "1a:B", "a:B c", "ä:B", "a:B\n", ""],
)
def test_other_forms_are_refused_with_the_form_to_write(text: str) -> None:
    with pytest.raises(UsageError, match="write DOMAIN:NAME"):
        OperatorName.of(text)


@pytest.mark.parametrize("text", ["ai.onnx:Fused", "ai.onnx:Relu", "ai.onnx.ml:Fused"])
def test_domains_of_onnx_take_no_functions(text: str) -> None:
    with pytest.raises(UsageError, match="accept only the operators of ONNX"):
        OperatorName.of(text)


def test_the_name_of_an_operator_belongs_to_its_domains() -> None:
    with pytest.raises(
        UsageError, match=r"Attention is an operator of ai.onnx and com.microsoft, .*mine:AttentionModule"
    ):
        OperatorName.of("mine:Attention")
    assert OperatorName.of("mine:attention").name == "attention"


@pytest.mark.parametrize(
    ("text", "may"),
    [("com.microsoft:Mine", True), ("ai.onnx.contrib:Mine", True), ("my.domain:Mine", False)],
)
def test_a_proof_enters_functions_outside_the_domains_of_runtimes(text: str, may: bool) -> None:
    operator = OperatorName.of(text)
    assert operator.may_have_kernel is may
    assert (operator.provisional == operator) is not may
    assert not operator.provisional.may_have_kernel


def test_a_name_in_use_would_make_other_nodes_calls() -> None:
    used = model('g (float[2] x) => (float[2] y) { ["/a/Op"] y = mine.Op(x) }')
    with pytest.raises(UsageError, match="f: node '/a/Op' is a mine:Op already"):
        MINE.demand_free(used, "f")
    inside = model(
        """g (float[2] x, bool c) => (float[2] y) {
          y = If(c) <then_branch = t () => (float[2] a) { a = mine.Op(x) },
                     else_branch = e () => (float[2] b) { b = Neg(x) }>
        }"""
    )
    with pytest.raises(UsageError, match="node 'a' is a mine:Op already"):
        MINE.demand_free(inside, "f")
    defined = model(
        """g (float[2] x) => (float[2] y) { y = Relu(x) }
        <domain: "mine", opset_import: ["" : 17]> Op (x) => (y) { y = Neg(x) }"""
    )
    with pytest.raises(UsageError, match="mine:Op is a function of this file already"):
        MINE.demand_free(defined, "f")
    OperatorName("mine", "Other").demand_free(defined, "f")
