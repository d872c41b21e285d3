"""Drop: a head goes with all that only it needed, and what remains is proved equal."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import rewriter
from rewriter.edits.drop import DropOutcome
from rewriter.errors import CannotCut, UsageError
from tests.edits.models import BRANCHES, HEADS, ONES, model, run


def names(proto: onnx.ModelProto) -> tuple[list[str], ...]:
    graph = proto.graph
    nodes = [node.output[0] for node in graph.node]
    return nodes, *([each.name for each in field] for field in (graph.output, graph.input, graph.initializer))


def test_a_head_goes_with_what_only_it_needed() -> None:
    report = rewriter.drop(model(HEADS), "head")
    assert names(report.analysis.model) == (["a", "y"], ["y"], ["x"], ["shared"])
    assert report.verification.verdict is rewriter.Verdict.EQUAL
    assert report.verification.notes == ("1 output removed", "1 input removed")
    found = report.outcome_of(DropOutcome)
    assert (found.nodes, found.others, found.initializers) == (3, 1, ("w",))
    whole = run(model(HEADS), x=ONES, extra=ONES)
    assert np.array_equal(run(report.analysis.model, x=ONES)["y"], whole["y"])


def test_a_dead_branch_goes_without_an_output() -> None:
    text = HEADS.replace(", float[2] z)", ")")
    report = rewriter.drop(model(text), "head", numbers=False)
    assert names(report.analysis.model) == (["a", "y"], ["y"], ["x"], ["shared"])


def test_constants_that_others_read_stay() -> None:
    text = """g (float[2] x) => (float[2] y, float[2] z) {
      ["/head/Constant"] c = Constant<value = float[2] {1, 2}>()
      ["/body/Add"] y = Add(x, c)
      ["/head/Mul"] z = Mul(x, c) }"""
    assert names(rewriter.drop(model(text), "head", numbers=False).analysis.model)[0] == ["c", "y"]


def test_functions_go_with_their_last_call() -> None:
    function = '<domain: "m", opset_import: ["" : 21]> f (i) => (o) { o = Neg(i) }'
    proto = model(HEADS.replace("z = Mul(h, shared)", "z = m.f(h)") + "\n" + function)
    proto.opset_import.add(domain="m", version=1)
    report = rewriter.drop(proto, "head", numbers=False)
    assert report.outcome_of(DropOutcome).functions == ("f",)
    assert not report.analysis.model.functions


def test_taps_of_a_dropped_head_are_forgotten() -> None:
    tapped = rewriter.tap(model(HEADS), ("head", "body"), numbers=False).analysis.model
    dropped = rewriter.drop(tapped, "head", numbers=False).analysis.model
    assert names(dropped)[1] == ["y", "body"]
    assert names(rewriter.untap(dropped, numbers=False).analysis.model)[1] == ["y"]


@pytest.mark.parametrize(
    ("text", "module", "says"),
    [
        (HEADS, "body", "every output depends on body, so none would be left"),
        (
            BRANCHES,
            "if.a",
            "nodes are in then_branch of '/if/If'; a body goes only with the module that owns",
        ),
    ],
)
def test_what_cannot_go_is_refused(text: str, module: str, says: str) -> None:
    with pytest.raises(CannotCut, match=says):
        rewriter.drop(model(text), module, numbers=False)


def test_nothing_selected_is_a_slip() -> None:
    with pytest.raises(UsageError, match="missing modules"):
        rewriter.drop(model(HEADS), ())
    with pytest.raises(UsageError, match="the root is the whole model; choose modules inside"):
        rewriter.drop(model(HEADS), "**")
