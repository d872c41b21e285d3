"""Sorting: what is read too early moves, nothing else does, and the result is proved equal."""

from __future__ import annotations

import random
from pathlib import Path

import onnx
import pytest

import rewriter
from rewriter.errors import UnreadableModel
from rewriter.model.index.checked_index import indexed, is_sorted
from rewriter.model.index.graph import GraphIndex, graphs_of
from rewriter.passes.sort import sort
from rewriter.proof.certificate import certify
from tests.proof.texts import branches, loop, model, unary


def names(proto: onnx.ModelProto) -> str:
    return " ".join(node.output[0] for node in proto.graph.node)


@pytest.mark.parametrize(
    ("nodes", "order", "moved"),
    [
        ("a = Neg(x) y = Exp(a)", "a y", 0),
        ("b = Abs(x) y = Add(a, b) a = Neg(x) z = Exp(x)", "b a y z", 1),
        ("y = Add(a, b) z = Sin(x) b = Exp(a) a = Neg(x)", "a b y z", 2),
        ("y = Add(b, a) a = Neg(x) b = Exp(x)", "a b y", 2),
    ],
)
def test_a_node_moves_before_its_first_reader(nodes: str, order: str, moved: int) -> None:
    made = model(unary(nodes))
    assert sort(made) == moved
    assert names(made) == order


DRAWS = "y = {0}(b) z = {0}(a) a = {1} b = {1} v = Sub(y, z)"


@pytest.mark.parametrize("draw", ["RandomNormalLike(x)", "custom.Op(x)", "m.f(x)"])
def test_equal_draws_keep_their_order(draw: str) -> None:
    """The readers stand in the other order, and only its place tells a draw from an equal one."""
    function = "def f (i) => (o) { h = RandomNormalLike(i) o = Neg(h) }"
    text = unary(DRAWS.format("Exp", draw), function).replace("=> (float[2] y)", "=> (float[2] v)")
    made = model(text)
    swapped = model(
        text.replace("y = Exp(b) z = Exp(a) a =", "z = Exp(a) y = Exp(b) b =").replace(
            f"b = {draw} v", f"a = {draw} v"
        )
    )
    before = onnx.ModelProto()
    before.CopyFrom(made)
    sort(made)
    sort(swapped)
    assert names(made).split()[:2] == ["a", "b"]
    assert names(swapped).split()[:2] == ["b", "a"]
    assert certify(before, made).equal
    assert not certify(before, swapped).equal


def test_draws_that_feed_each_other_follow_dataflow() -> None:
    made = model(unary("y = Add(a, b) a = RandomNormalLike(b) b = RandomNormalLike(x)"))
    before = onnx.ModelProto()
    before.CopyFrom(made)
    sort(made)
    assert names(made) == "b a y"
    assert certify(before, made).equal


def test_equal_draws_in_an_order_that_dataflow_forbids_are_not_proved() -> None:
    """The call of `f` that comes first in the file reads the result of the other; both draw the same."""
    function = "def f (i) => (o) { h = RandomNormal<shape = [2]>() o = Add(i, h) }"
    made = model(unary("y = m.f(a) a = m.f(x)", function))
    assert "equal random draws" in (
        certify(made, model(unary("a = m.f(x) y = m.f(a)", function))).difference or ""
    )
    with pytest.raises(UnreadableModel, match="equal random draws"):
        rewriter.rewrite(made, passes="sort", numbers=False)


def test_bodies_are_sorted() -> None:
    for text in (
        branches("p = Exp(a) a = Neg(x)"),
        loop("t = Exp(a) a = Neg(s)"),
    ):
        made = model(text)
        assert not is_sorted(GraphIndex(made))
        assert sort(made) == 1
        assert is_sorted(GraphIndex(made))
        onnx.checker.check_model(made)


@pytest.mark.parametrize("called", ["m.f(x)", "Neg(x)"])
def test_functions_are_never_sorted(called: str) -> None:
    """onnxruntime inlines them in the order of the file: `h` may mean a value of the caller."""
    made = model(
        unary(f"h = Sin(x) u = {called} y = Add(u, h)", "def f (a) => (b) { b = Exp(h) h = Neg(a) }")
    )
    assert not is_sorted(GraphIndex(made))
    with pytest.raises(UnreadableModel, match="the nodes of function 'f' are not sorted"):
        sort(made)
    with pytest.raises(UnreadableModel, match="the nodes of function 'f' are not sorted"):
        rewriter.rewrite(made, numbers=False)


HIDDEN = branches("p = Exp(z) z = Neg(p)", before="z = Neg(x)")
"""By name, the nodes of the body feed each other; in list order, the first reads `z` of the graph."""


def test_a_body_that_hides_a_name_later_counts_as_sorted() -> None:
    assert is_sorted(GraphIndex(model(HIDDEN)))
    assert rewriter.rewrite(model(HIDDEN), numbers=False).verification.certificate.identical


def test_nodes_that_feed_each_other_by_name_are_refused() -> None:
    made = model(HIDDEN.replace("z = Neg(x)", "w = Exp(k) k = Sin(x) z = Neg(x)"))
    with pytest.raises(UnreadableModel, match="by name they feed each other"):
        rewriter.rewrite(made, numbers=False)


def test_shuffled_lists_are_sorted_and_proved() -> None:
    text = (
        loop(
            "z = If(go) <then_branch = d () => (float[2] v) { v0 = Add(s, e) v = Sin(v0) }, "
            "else_branch = e () => (float[2] w) { w = Neg(s) }> t = m.f(z)",
            "e0 = Exp(x) e = Neg(e0)",
        )
        + unary("", "def f (a) => (b) { h = Neg(a) b = Exp(h) }").partition("}")[2]
    )
    made = model(text)
    for seed in range(20):
        shuffled = onnx.ModelProto()
        shuffled.CopyFrom(made)
        _shuffle(shuffled, random.Random(seed))
        indexed(shuffled)  # it has one meaning
        assert certify(made, shuffled).equal
        sort(shuffled)
        indexed(shuffled, ordered=True)
        assert certify(made, shuffled).equal


def _shuffle(proto: onnx.ModelProto, draw: random.Random) -> None:
    bodies = [proto.graph]
    while bodies:
        body = bodies.pop()
        nodes = list(body.node)
        draw.shuffle(nodes)
        del body.node[:]
        body.node.extend(nodes)
        bodies += [graph for node in body.node for each in node.attribute for graph in graphs_of(each)]


def test_rewrite_sorts_first_and_says_so(tmp_path: Path) -> None:
    made = model(unary('["/b/Exp"] y = Exp(a) ["/a/Neg"] a = Neg(x)'))
    report = rewriter.rewrite(made, functions="call", passes=None)
    assert next((each.name, dict(each.outcome.changes)) for each in report.passes) == (
        "sort",
        {"nodes sorted": 1},
    )
    assert is_sorted(GraphIndex(report.result))
    assert names(made) == "y a"  # the source is never changed
    again = rewriter.rewrite(report.result, functions="call")
    assert "sort" not in [each.name for each in again.passes]


def test_sort_that_is_asked_for_runs_once() -> None:
    made = model(unary('["/b/Exp"] y = Exp(a) ["/a/Neg"] a = Neg(x)'))
    assert [each.name for each in rewriter.rewrite(made, passes="sort,annotate").passes] == [
        "sort",
        "annotate",
    ]


def test_pieces_of_an_unsorted_model_are_sorted(tmp_path: Path) -> None:
    made = model(unary('["/b/m/Exp"] y = Exp(a) ["/b/n/Neg"] a = Neg(h) ["/a/Sin"] h = Sin(x)'))
    taken = rewriter.extract(made, "b", tmp_path / "b.onnx")
    assert names(onnx.load(taken.outputs[-1])) == "a y"
    parts = rewriter.split(made, "b", tmp_path / "parts")
    assert [len(part.model.graph.node) for part in parts.parts] == [1, 2]
