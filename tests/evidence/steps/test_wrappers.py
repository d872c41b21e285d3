"""Layout steps around the only submodule of a module."""

from __future__ import annotations

import pytest

from rewriter.evidence.certainty import Certainty
from tests.evidence.steps.test_witness import certain

TEXT = """g (float[1,2,2] x) => (float[1,2,2] z)
<float[2,2] "m.one.weight" = {1,2,3,4}, float[2] "m.one.bias" = {1,2},
 float[2,2,1] "m.CHILD.weight" = {1,2,3,4},
 float[2,2] "m.two.weight" = {1,2,3,4}, float[2] "m.two.bias" = {1,2} MORE>
{
  linear = MatMul(x, "m.one.weight")
  transpose = Transpose<perm = [0, 2, 1]>(linear)
  conv1d = Conv(transpose, "m.CHILD.weight")
  transpose_1 = Transpose<perm = [0, 2, 1]>(conv1d)
  relu = Relu(transpose_1)
  z = MatMul(relu, "m.two.weight")
}"""


@pytest.mark.parametrize(
    ("child", "more", "module"),
    [
        ("wrapper.conv", "", "m.wrapper"),
        ("conv", "", "m"),
        ("list.0", "", "m"),
        ("wrapper.conv", ', float[1] "m.wrapper.norm.weight" = {1}', "m"),  # a second submodule
        ("wrapper.conv", ', float[1] "m.wrapper.scale" = {1}', "m"),  # a tensor of its own
    ],
)
def test_they_are_in_the_module_that_has_no_other_reason_to_exist(child: str, more: str, module: str) -> None:
    found = certain(TEXT.replace("CHILD", child).replace("MORE", more))
    assert found["transpose"] == found["transpose_1"] == (module, Certainty.GUESSED)
    assert found["relu"] == ("m", Certainty.GUESSED)


def test_the_layout_of_an_unknown_result_may_be_in_another_module() -> None:
    text = (
        TEXT.replace("CHILD", "wrapper.conv")
        .replace("MORE", "")
        .replace("Transpose<perm = [0, 2, 1]>(linear)", "Transpose<perm = [0, 2, 1]>(neg)")
    )
    found = certain(text.replace("  transpose = ", "  neg = Neg(linear)\n  transpose = "))
    assert found["transpose"] == ("m", Certainty.GUESSED)
    assert found["transpose_1"] == ("m.wrapper", Certainty.GUESSED)
