"""Taps: values of modules become outputs, the others are proved equal, and the record comes off again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import pytest

import rewriter
from rewriter.basics.literals import IterationsWord
from rewriter.errors import CannotCut, NotProved, UsageError
from rewriter.passes.registry.syntax import parse_passes
from rewriter.refusals import Reason
from tests.build import chain
from tests.edits.layers import parsed
from tests.edits.models import BRANCHES, IN_LOOP, LOOP, ONES, SCAN, model, run
from tests.exports import EXPORTS, FILES, name_of

EARLY_SCAN = """g (float[1,2] s0, float[1,3,2] x) => (float[1,2] s) {
  ["/scan/Scan"] s = Scan <num_scan_inputs = 1,
    body = b (float[2] s_in, float[2] each) => (float[2] s_out) {
      ["/scan/a/Neg"] u = Neg(s_in) ["/scan/b/Add"] s_out = Add(u, each) }>("", s0, x) }"""
LAYERS = ("/l.0/a/Relu", "/l.0/b/Relu", "/l.1/a/Relu", "/l.1/b/Relu")


def outputs(proto: onnx.ModelProto) -> list[str]:
    return [info.name for info in proto.graph.output]


def tapped(proto: onnx.ModelProto, *globs: str, **options: Any) -> onnx.ModelProto:
    report = rewriter.tap(proto, globs, numbers=False, **options)
    assert report.verification.verdict is rewriter.Verdict.EQUAL
    onnx.checker.check_model(report.analysis.model, full_check=True)
    assert rewriter.untap(report.analysis.model, numbers=False).analysis.model == proto
    return report.analysis.model


@pytest.mark.parametrize(
    ("globs", "options", "names"),
    [
        (("l.0",), {}, ["l.0"]),
        (("l.*",), {}, ["l.0", "l.1"]),
        (("l.1.*",), {"what": "inputs"}, ["l.1.a.input", "l.1.b.input"]),
        ((), {"value": "v1"}, ["v1"]),
        ((), {"value": ("v1", "v1")}, ["v1"]),
        (("l.0",), {"value": ("v1", "v3")}, ["l.0", "v1", "v3"]),
    ],
)
def test_outputs_are_named_by_path(
    globs: tuple[str, ...], options: Mapping[str, Any], names: list[str]
) -> None:
    assert outputs(tapped(chain(*LAYERS), *globs, **options)) == ["y", *names]


def test_values_are_those_of_the_module() -> None:
    text = """g (float[2] x) => (float[2] y) {
      ["/a/Neg"] u = Neg(x) ["/b/Split"] v, w = Split<num_outputs = 2>(u)
      ["/c/Concat"] y = Concat<axis = 0>(w, v) }"""
    made = run(tapped(model(text), "a", "b"), x=ONES)
    assert np.array_equal(made["a"], -ONES)
    assert np.array_equal(made["b.0"], -ONES[:1])
    assert made.keys() == {"y", "a", "b.0", "b.1"}


def test_a_name_that_is_taken_gets_a_number() -> None:
    text = 'g (float[2] x) => (float[2] a) { ["/a/Exp"] u = Exp(x) ["/b/Neg"] a = Neg(u) }'
    assert outputs(tapped(model(text), "a")) == ["a", "a_1"]


def test_every_call_has_its_output() -> None:
    path = EXPORTS / "shared_block" / "dy.onnx"
    report = rewriter.tap(path, "block", numbers=False)
    assert [tap.output for tap in report.taps] == ["block@0", "block@1", "block@2"]
    assert [tap.call for tap in report.taps] == [0, 1, 2]


LAST: list[tuple[str, dict[str, Any], dict[str, list[float]]]] = [
    (LOOP, {"n": 2, "k": True}, {"loop.a": [-4, -4], "loop.b": [4, 4]}),
    (LOOP, {"n": 0, "k": True}, {"loop.a": [], "loop.b": []}),
    (BRANCHES, {"c": True}, {"if.a": [1, 1], "if.b": [-1, -1], "if.d": []}),
    (BRANCHES, {"c": False}, {"if.a": [], "if.d": [1, 1]}),
    (IN_LOOP, {"n": 3, "k": True}, {"loop.if.a": [1, 1], "loop.if.d": []}),
]


@pytest.mark.parametrize(("text", "feeds", "wanted"), LAST)
def test_last_run_of_a_body(text: str, feeds: dict[str, Any], wanted: dict[str, list[float]]) -> None:
    made = run(tapped(model(text), *wanted), x=ONES, **feeds)
    assert {name: made[name].tolist() for name in wanted} == wanted
    assert np.array_equal(made["y"], run(model(text), x=ONES, **feeds)["y"])


UNREAD_LOOP = """g (float[2] x, int64 n, bool k) => (float[2] y) {
  ["/l/Loop"] y, rows = Loop(n, k, x) <
    body = b (int64 i, bool go, float[2] s) => (bool on, float[2] t, float[2] v) {
    on = Identity(go) ["/l/a/Add"] u = Add(s, s) ["/l/b/Neg"] t = Neg(u) ["/l/c/Abs"] v = Abs(u) }> }"""
UNREAD_IF = """g (float[2] x, bool k) => (float[2] y) {
  ["/i/If"] y, rows = If(k) <
    then_branch = t () => (float[2] p, float[2] v) {
      u = Abs(x) ["/i/a/Neg"] p = Neg(u) ["/i/b/Exp"] v = Exp(u) },
    else_branch = e () => (float[2] r, float[2] w) { ["/i/c/Sin"] r = Sin(x) ["/i/d/Cos"] w = Cos(x) }> }"""


@pytest.mark.parametrize(
    ("text", "feeds", "iterations"),
    [
        (UNREAD_LOOP, {"n": 2, "k": True}, "last"),
        (UNREAD_LOOP, {"n": 2, "k": True}, "stacked"),
        (UNREAD_IF, {"k": True}, "last"),
    ],
)
def test_a_last_output_without_a_name_gets_one(
    text: str, feeds: dict[str, Any], iterations: IterationsWord
) -> None:
    """onnxruntime refuses an owner of bodies with such an output, so `untap` keeps the name."""
    named, plain = model(text), model(text)
    plain.graph.node[0].output[1] = ""
    report = rewriter.tap(plain, value="u", iterations=iterations, numbers=False)
    assert report.verification.verdict is rewriter.Verdict.EQUAL
    wanted = run(named, x=ONES, **feeds)["y"]
    assert np.array_equal(run(report.analysis.model, x=ONES, **feeds)["y"], wanted)
    left = rewriter.untap(report.analysis.model, numbers=False).analysis.model
    named.graph.node[0].output[1] = left.graph.node[0].output[1]
    assert left == named


def test_iterations_are_stacked() -> None:
    made = run(tapped(model(LOOP), "loop.a", iterations="stacked"), x=ONES, n=2, k=True)
    assert made["loop.a"].tolist() == [[2, 2], [-4, -4]]
    rows = np.ones((3, 2), np.float32)
    for iterations, wanted in (("last", [-3, -3]), ("stacked", [[-1, -1], [-2, -2], [-3, -3]])):
        for listed in (
            "",
            "scan_output_axes = [1], ",
            "scan_output_axes = [0], scan_output_directions = [1], ",
        ):
            scan = model(SCAN.replace("<num", f"<{listed}num"))
            made = run(tapped(scan, "scan.b", iterations=iterations), x=rows, s0=0 * ONES)
            assert made["scan.b"].tolist() == wanted
            assert np.array_equal(made["ys"], run(scan, x=rows, s0=0 * ONES)["ys"])


@pytest.mark.parametrize(
    ("text", "module", "options", "reason"),
    [
        (LOOP, "loop.cond", {}, Reason.SCALAR_IN_BODY),
        (IN_LOOP, "loop.if.a", {"iterations": "stacked"}, Reason.BRANCH_IN_ITERATIONS),
        (EARLY_SCAN, "scan.a", {}, Reason.EARLY_SCAN),
    ],
)
def test_what_cannot_leave_a_body_is_refused(
    text: str, module: str, options: dict[str, Any], reason: Reason
) -> None:
    with pytest.raises(CannotCut) as error:
        rewriter.tap(parsed(text, 8) if text == EARLY_SCAN else model(text), module, numbers=False, **options)
    assert reason.value in str(error.value)


def test_a_second_tap_adds_to_the_first() -> None:
    once = rewriter.tap(chain(*LAYERS), "l.0.a", numbers=False).analysis.model
    report = rewriter.tap(once, ("l.0", "l.0.a"), numbers=False)
    assert [tap.output for tap in report.taps] == ["l.0"]
    assert [refusal.reason for refusal in report.refusals] == [Reason.TAPPED]
    assert outputs(report.analysis.model) == ["y", "l.0.a", "l.0"]
    assert rewriter.untap(report.analysis.model, numbers=False).analysis.model == chain(*LAYERS)


def test_functions_of_ours_are_inlined_and_the_pass_runs_among_others() -> None:
    grouped = rewriter.rewrite(chain(*LAYERS), functions="call", numbers=False).analysis.model
    report = rewriter.tap(grouped, "l.0", numbers=False)
    assert [record.name for record in report.passes] == ["flatten", "tap{only=l.0,measure=false}"]
    assert not report.analysis.model.functions
    steps = parse_passes("annotate,tap{only=l.0},group,untap")
    with pytest.raises(UsageError, match="no pass fits"):
        parse_passes("tapp")
    assert outputs(rewriter.rewrite(chain(*LAYERS), passes=steps, numbers=False).analysis.model) == ["y"]


@pytest.mark.parametrize(
    ("globs", "options", "says"),
    [
        ((), {}, "missing modules"),
        (("l.3",), {}, "no module fits 'l.3'"),
        ((), {"value": "v9"}, "no value fits 'v9'; there are x, v1"),
        ((), {"value": "x"}, "is an input of the model"),
        ((), {"value": "y"}, "is an output of the model already"),
        (("l.0",), {"iterations": "first"}, "no choice of iterations fits 'first'"),
    ],
)
def test_slips_are_named(globs: tuple[str, ...], options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        rewriter.tap(chain(*LAYERS), globs, numbers=False, **options)


def test_numbers_are_of_the_written_model() -> None:
    report = rewriter.tap(chain(*LAYERS), "l.0")
    assert report.verification.numeric is not None
    assert (report.verification.numeric.exact, report.verification.numeric.identical) == (True, False)
    assert report.verification.notes == ("1 output added",)


@pytest.mark.thorough
@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_all_modules_at_once(path: Any) -> None:
    report = rewriter.tap(path, "**")
    assert report.verification.verdict is rewriter.Verdict.EQUAL
    back = rewriter.untap(report.analysis.model, numbers=False).analysis.model
    assert back == onnx.load(path, load_external_data=False)


def test_the_root_has_the_inputs_and_outputs_of_the_model() -> None:
    for what in ("inputs", "outputs"):
        refusals = rewriter.tap(chain(*LAYERS), "**", what=what, numbers=False).refusals
        assert "(root): its inputs and outputs are those of the model" in map(str, refusals)


def test_values_of_several_shapes_are_not_stacked() -> None:
    text = """g (float[N] x, int64 n, bool k) => (float[M] y) {
      ["/loop/Loop"] y = Loop(n, k, x) <body = b (int64 i, bool go, float[P] s) => (bool on, float[Q] t) {
        ["/loop/cond/Identity"] on = Identity(go)
        ["/loop/a/Concat"] u = Concat<axis = 0>(s, s)
        ["/loop/b/Neg"] t = Neg(u) }> }"""
    given = {"x": ONES, "n": np.array(3), "k": np.array(True)}
    with pytest.raises(NotProved, match="nothing was written, a value that is stacked must have one shape"):
        rewriter.tap(model(text), "loop.a", iterations="stacked", inputs=given)
    assert rewriter.tap(model(text), "loop.a", inputs=given).taps[0].runs == ("last",)


def test_a_tap_whose_output_is_gone_may_come_again() -> None:
    """Other tools remove outputs, and keep the metadata of the model."""
    made = rewriter.tap(chain(*LAYERS), "l.0", numbers=False).analysis.model
    del made.graph.output[1]
    again = rewriter.tap(made, "l.0", numbers=False).analysis.model
    assert outputs(again)[0] == "y"
    assert len(outputs(again)) == 2
    assert rewriter.untap(again, numbers=False).analysis.model == chain(*LAYERS)


def test_an_output_without_a_name_before_a_named_one_stays() -> None:
    text = SCAN.replace("(float[2] s, float[N,2] ys)", "(float[N,2] ys)")
    plain = model(text)
    plain.graph.node[0].output[0] = ""
    assert list(tapped(plain, value="q").graph.node[0].output[:2]) == ["", "ys"]
