"""The call where an error is made, apart from calls that pass it on or enlarge it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

import rewriter
from rewriter.insight.comparison.module_diff import Diff
from rewriter.views.json.diff import diff_json
from rewriter.views.text.differences.printing import print_diff
from tests.build import model

AMPLIFIER = """g (float[4] x) => (float[4] y)
<float[4] "a.bias" = {BIAS}, float[4] "c.bias" = {1, 1, 1, OTHER}> {
  ["/a/Add"] h = Add(x, "a.bias")
  ["/norm/ReduceMean"] m = ReduceMean<keepdims = 1>(h)
  ["/norm/Sub"] d = Sub(h, m)
  ["/act/Relu"] k = Relu(d)
  ["/c/Add"] y = Add(k, "c.bias")
}"""


def diff(before: str, after: str, tolerance: float = 1e-4) -> Diff:
    return rewriter.diff(model(before), model(after), tolerance=tolerance)


def said(found: Diff, *, everything: bool = False) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_diff(found, console, everything=everything)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def amplifier(bias: str, other: float = 1) -> str:
    return AMPLIFIER.replace("BIAS", bias).replace("OTHER", str(other))


SOUND, OFF = "1000, 1000, 1000, 1000", "1001, 1000, 1000, 1000"
"""Biases whose difference is 0.1 % of the sum, and much of what remains without the mean."""


def test_a_module_that_enlarges_an_error_of_its_inputs_does_not_make_it() -> None:
    """The first diverging call is `norm`, whose inputs agree within the tolerance; it computes alike."""
    found = diff(amplifier(SOUND), amplifier(OFF), tolerance=0.01)
    first = found.first
    assert first is not None
    assert (str(first.path), first.own) == ("norm", False)
    text = said(found)
    assert "made there" not in text
    assert "no module makes an error above 0.01 by itself: errors add up" in text
    assert "The largest is made in a, call 0: relative 0.001" in text.replace("\n", " ")
    assert "norm  max" in text
    assert "from its inputs" in text


def test_the_module_that_makes_an_error_is_named_behind_one_that_enlarges_another() -> None:
    found = diff(amplifier(SOUND), amplifier(OFF, 9), tolerance=0.01)
    first = found.first
    assert first is not None
    assert (str(first.path), first.own, first.measured) == ("c", True, True)
    assert first.figures[0] == pytest.approx(8, rel=1e-3)
    assert "first divergence: c, call 0" in said(found)
    assert "made there" in said(found)
    written = diff_json(found)["first_divergence"]
    assert written is not None
    assert (written["module"], written["own"], written["measured"]) == ("c", True, True)
    assert written["max_abs"] == pytest.approx(8, rel=1e-3)


def test_errors_that_the_tolerance_allows_are_no_divergence() -> None:
    assert diff(amplifier(SOUND), amplifier(SOUND)).equal
    assert diff(amplifier(SOUND), amplifier(OFF), tolerance=10).equal


def test_each_value_has_its_local_error() -> None:
    found = diff_json(diff(amplifier(SOUND), amplifier(OFF)))
    local = {
        str(module["before"]): value["local"]
        for module in found["modules"]
        for call in module["calls"]
        for value in call["values"]
        if module["before"]
    }
    assert local["a"] is not None
    assert local["a"]["max_abs"] == pytest.approx(1, rel=1e-3)
    assert local["norm"] == {"max_abs": 0, "relative": 0}


def test_an_error_in_a_nodes_own_value_belongs_to_the_module_of_the_node() -> None:
    """`enc` scales a value between two submodules; the value is an output of neither."""
    text = """g (float[4] x) => (float[4] y) <float[4] w = {1, 2, 3, 4}> {
      ["/enc/a/Neg"] h = Neg(x)
      ["/enc/Mul"] k = Mul(h, w)
      ["/enc/b/Abs"] y = Abs(k)
    }"""
    found = diff(text, text.replace("{1, 2, 3, 4}", "{1, 2, 3, 5}"))
    assert found.first is not None
    assert (str(found.first.path), found.first.own) == ("enc", True)


RANDOM = """g (float[64] x) => (float[64] y) {
  ["/a/Neg"] h = Neg(x)
  ["/drop/RandomUniformLike"] r = RandomUniformLike<seed = SEED>(h)
  ["/drop/Mul"] k = Mul(h, r)
  ["/b/FN"] y = FN(k)
}"""


def random(seed: float, operator: str = "Abs") -> str:
    return RANDOM.replace("SEED", str(seed)).replace("FN", operator)


def test_random_numbers_are_no_fault_and_no_proof() -> None:
    found = diff(random(1.0), random(2.0))
    assert found.first is None
    assert not found.equal
    text = said(found)
    assert text.startswith(
        "✗ not known: 3 calls differ, by random numbers that both models draw; equal within"
    )
    assert diff_json(found)["numbers"]["random_calls"] == 3
    assert diff(random(1.0), random(1.0)).equal


def test_a_fault_behind_random_numbers_is_found() -> None:
    found = diff(random(1.0), random(2.0, "Neg"))
    assert found.first is not None
    assert (str(found.first.path), found.first.own, found.first.measured) == ("b", True, True)


def test_random_numbers_of_one_model_alone_are_a_fault() -> None:
    sound = random(1.0).replace("RandomUniformLike<seed = 1.0>", "Abs")
    found = diff(sound, random(1.0))
    assert found.first is not None
    assert (str(found.first.path), found.first.own) == ("drop", True)


def test_the_reference_is_the_first_model() -> None:
    text = """g (float[2] x) => (float[2] y) <float[2] w = {W}, float z = {0}> {
      ["/a/Mul"] h = Mul(x, z) ["/b/Add"] y = Add(h, w)
    }"""
    small, large = text.replace("W", "1, 1"), text.replace("W", "1, 11")
    there, back = diff(small, large).first, diff(large, small).first
    assert there is not None
    assert back is not None
    assert there.figures[1] == pytest.approx(10)
    assert back.figures[1] == pytest.approx(10 / 11)


def test_the_model_that_does_not_run_is_named() -> None:
    sound = "g (float[2] x) => (float[2] y) { y = Neg(x) }"
    found = diff(sound, sound.replace("Neg(x)", "Nonsense(x)"))
    assert found.numbers is not None
    assert str(found.numbers.skipped).startswith("the second model does not run: ")
