"""Values of two models in one child: ports in parts that fit into memory, odd graphs, other inputs."""

from __future__ import annotations

from dataclasses import replace

import onnx
import pytest

import rewriter
from rewriter.insight.comparison.module_diff import Diff
from rewriter.runtime.child.job import Cause, Ended
from rewriter.runtime.compare import values
from rewriter.runtime.compare.outcome import Stage
from rewriter.runtime.compare.value_pairs import Compared, Pair, PortRequest, PortRuns
from rewriter.runtime.inputs.feeds import Drawing, Plan
from tests.build import chain, model


def diff(before: str, after: str) -> Diff:
    return rewriter.diff(model(before), model(after))


@pytest.mark.parametrize(
    "text",
    [
        "g () => () {}",
        "g (float[2] x) => (float[2] x) {}",
        "g () => (float[2] y) { y = Constant<value = float[2] {1, 2}>() }",
        "g (float[N] x) => (float[N] y) { y = Relu(x) }",
        "g (float[0] x) => (float[0] y) { y = Relu(x) }",
    ],
)
def test_odd_graphs_equal_themselves(text: str) -> None:
    assert diff(text, text).equal


def test_sequences_and_strings_are_left_out() -> None:
    text = """
    g (float[4] x) => (float[2] y) {
      ["/a/Split"] s = SplitToSequence(x, two)
      ["/b/Constant"] zero = Constant<value = int64 {0}>()
      ["/b/SequenceAt"] y = SequenceAt(s, zero)
    }
    """.replace("{\n", '{\n      ["/a/Constant"] two = Constant<value = int64 {2}>()\n', 1)
    found = diff(text, text)
    assert found.equal
    assert found.numbers is not None
    verdicts = {str(call.path): call.comparable for call in found.numbers.calls}
    assert verdicts == {"": True, "a": False, "b": True}


def test_sizes_suit_the_model_that_allows_fewer() -> None:
    free = "g (float[N,M] x) => (float[P,Q] y) { y = MatMul(x, x) }"
    fixed = "g (float[3,3] x) => (float[3,3] y) { y = MatMul(x, x) }"
    for found in (diff(free, fixed), diff(fixed, free)):
        assert found.equal
        assert found.numbers is not None
        assert found.numbers.skipped is None


def test_a_model_in_half_precision_is_fed_alike() -> None:
    half = "g (float16[3] x) => (float16[3] y) { y = Sigmoid(x) }"
    whole = "g (float[3] x) => (float[3] y) { y = Sigmoid(x) }"
    found = rewriter.diff(model(whole), model(half), tolerance=0.01)
    assert found.equal
    assert not diff(whole, half).equal


def test_names_that_are_no_text() -> None:
    data = chain("first", "bad").SerializeToString().replace(b"bad", b"b\xffd")
    found = rewriter.diff(data, onnx.ModelProto.FromString(data))
    assert not found.changed


def test_what_was_compared_stays_if_local_errors_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair("h", "h", 1.0, 0.5)
    partial = PortRuns(2, (Compared((pair,), (), ()),))
    ended = Ended("timed out: not done after 1 s", Cause.LIMIT, partial=partial)
    monkeypatch.setattr(values, "run", lambda *args, **options: ended)
    request = PortRequest(Drawing(Plan((), {}), 1), Stage.FIRST, (), {}, 1e-4)
    found = values.compare_values({}, {}, request, timeout=1)
    assert found == replace(partial, unmeasured="timed out: not done after 1 s")
    monkeypatch.setattr(values, "run", lambda *args, **options: replace(ended, partial=None))
    assert values.compare_values({}, {}, request, timeout=1).skipped == "timed out: not done after 1 s"
