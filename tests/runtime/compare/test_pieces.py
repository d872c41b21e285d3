from __future__ import annotations

import signal
from pathlib import Path

import onnx
import pytest

from rewriter.runtime.child import call
from rewriter.runtime.child.job import Job, Sent
from rewriter.runtime.compare import pieces
from rewriter.runtime.compare.piece_task import judge_parts
from rewriter.runtime.compare.pieces import PartRequest, PartRun, PieceToRun, WholeRun
from rewriter.runtime.inputs.feeds import Drawing
from rewriter.runtime.inputs.planning import plan
from rewriter.runtime.inputs.signature import expose
from tests.build import model

WHOLE = "g (float[2] x) => (float[2] y) { a = Abs (x) b = Neg (a) y = Exp (b) }"
FIRST = PieceToRun(model("g (float[2] x) => (float[2] a) { a = Abs (x) }"), {"x": "x", "a": "a"})
SECOND = PieceToRun(model("g (float[2] p) => (float[2] y) { q = Neg (p) y = Exp (q) }"), {"p": "a", "y": "y"})
WRONG = PieceToRun(model("g (float[2] x) => (float[2] a) { a = Relu (x) }"), {"x": "x", "a": "a"})


def run(
    *pieces: PieceToRun, chain: bool = False, timeout: float = 60.0, text: str = WHOLE
) -> tuple[PartRun, ...]:
    whole = model(text)
    return WholeRun(whole, None, plan(whole), None, 1, timeout).judge(pieces, chain=chain)


def test_pieces_are_fed_what_was_recorded() -> None:
    first, second = run(WRONG, SECOND)
    assert (first.outcome.exact, first.outcome.worst_output) == (False, "a")
    assert second.outcome.exact


def test_a_chain_is_fed_what_it_gave() -> None:
    assert [verdict.outcome.exact for verdict in run(FIRST, SECOND, chain=True)] == [True, True]
    assert [verdict.outcome.exact for verdict in run(WRONG, SECOND, chain=True)] == [False, False]


def test_random_numbers_come_out_the_same() -> None:
    text = "g (float[2] x) => (float[2] y) { a = RandomNormalLike (x) b = Neg (a) y = Exp (b) }"
    first = PieceToRun(model("g (float[2] x) => (float[2] a) { a = RandomNormalLike (x) }"), FIRST.recorded)
    assert [verdict.outcome.exact for verdict in run(first, SECOND, chain=True, text=text)] == [True, True]


def test_what_is_random_all_the_same_is_handed_on_as_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "seed_nodes", lambda model: None)
    text = "g (float[2] x) => (float[2] y) { a = RandomNormalLike (x) b = Neg (a) y = Exp (b) }"
    random = PieceToRun(model("g (float[2] x) => (float[2] a) { a = RandomUniformLike (x) }"), FIRST.recorded)
    noise, rest = run(random, SECOND, chain=True, text=text)
    assert noise.unsteady == ("a",)
    assert noise.outcome.skipped == "all its outputs are random"
    assert rest.outcome.exact


def test_a_piece_that_does_not_load_is_a_fault() -> None:
    broken = PieceToRun(model("g (float[2] x) => (float[2] a) { a = Abs (nothing) }"), {"x": "x", "a": "a"})
    (verdict,) = run(broken)
    assert verdict.fault is not None
    assert not verdict.fault_of_whole


def test_a_piece_that_fails_stops_the_chain() -> None:
    failing = PieceToRun(
        model("g (float[2] x) => (float[N] a) <int64[1] s = {3}> { a = Reshape (x, s) }"), FIRST.recorded
    )
    first, second = run(failing, SECOND, chain=True)
    assert first.outcome.error is not None
    assert second.outcome.skipped is not None


def test_a_timeout_is_told() -> None:
    (verdict,) = run(FIRST, timeout=0.001)
    assert verdict.outcome.skipped == "timed out: not done after 0.001 s; --timeout gives it longer"


def test_a_crash_at_a_piece_is_an_error_of_that(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(task: str, folder: Path, timeout: float) -> int:
        (folder / "stage").write_text("1. cut", encoding="utf-8")
        return -signal.SIGSEGV

    monkeypatch.setattr(call, "in_child", crash)
    (verdict,) = run(FIRST)
    assert verdict.outcome.exact is None
    assert verdict.outcome.error is not None
    assert "crashed" in verdict.outcome.error


def test_the_piece_is_the_stage_again_after_a_second_run_of_the_whole(tmp_path: Path) -> None:
    """A run with another seed tells the random outputs; it is done while a piece is judged."""
    whole = model(WHOLE)
    drawing = Drawing(plan(whole), 2, 0, None)
    expose(whole, ["a"])
    sent = {}
    for name, each in {pieces.RECORDED: whole, pieces.WHOLE: whole, pieces.piece(0): WRONG.model}.items():
        onnx.save(each, tmp_path / name)
        sent[name] = Sent(tmp_path / name, None)
    request = PartRequest(drawing, False, (WRONG.recorded,))
    (verdict,) = judge_parts(Job(tmp_path, request, sent, 60.0)).verdicts
    assert verdict.outcome.exact is False
    assert (tmp_path / "stage").read_text() == "1. cut"


def test_a_whole_that_does_not_run_leaves_the_checker() -> None:
    text = "g (float[2] x) => (float[N] y) <int64[1] s = {3}> { w = Reshape (x, s) a = Abs (w) y = Exp (a) }"
    fed = PieceToRun(model("g (float[N] w) => (float[N] a) { a = Abs (w) }"), {"w": "w", "a": "a"})
    (verdict,) = run(fed, text=text)
    assert verdict.fault is None
    assert verdict.outcome.skipped is not None
    assert "the whole model does not run" in verdict.outcome.skipped


def test_only_what_feeds_a_piece_is_run() -> None:
    """Nodes behind the piece may not run, and their weights may be missing."""
    text = WHOLE.replace("y = Exp (b)", "y = Reshape (b, s)").replace("{ a", "<int64[1] s = {3}> { a", 1)
    assert run(FIRST, text=text)[0].outcome.exact
    assert run(WRONG, text=text)[0].outcome.exact is False
    whole = model(WHOLE.replace("y = Exp (b)", "y = Add (b, w)"))
    whole.graph.initializer.append(missing("w"))
    assert WholeRun(whole, None, plan(whole), None, 1, 60.0).judge([FIRST], chain=False)[0].outcome.exact


def missing(name: str) -> onnx.TensorProto:
    """Return a tensor whose data file does not exist."""
    tensor = onnx.TensorProto(name=name, data_type=onnx.TensorProto.FLOAT, dims=[2])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="missing.data")
    return tensor


def test_ranks() -> None:
    whole = model(
        "g (float[2, 3] x) => (float[2] y) { a = Transpose (x) y = ReduceMax <axes = [1], keepdims = 0> (x) }"
    )
    ranked = WholeRun(whole, None, plan(whole), None, 2, 60.0)
    assert ranked.ranks(["a"]) == {"x": 2, "a": 2}
    assert ranked.ranks(["a", "y"]) == {"x": 2, "a": 2, "y": 1}


def test_half_precision_is_rounded_where_the_model_is_cut() -> None:
    text = "g (float16[64] x) => (float16[64] y) { a = Exp (x) b = Mul (a, a) y = Log (b) }"
    first = "g (float16[64] x) => (float16[64] b) { a = Exp (x) b = Mul (a, a) }"
    second = "g (float16[64] b) => (float16[64] y) { y = Log (b) }"
    parts = [PieceToRun(model(first), {"x": "x", "b": "b"}), PieceToRun(model(second), {"b": "b", "y": "y"})]
    assert [verdict.outcome.exact for verdict in run(*parts, text=text)] == [True, True]
    assert [verdict.outcome.exact for verdict in run(*parts, chain=True, text=text)] == [True, True]


def test_a_node_behind_a_cut_is_rounded_as_in_the_whole() -> None:
    """The Concat reads a value that is cut; onnxruntime rounds what it reads beside it only then."""
    rest = "p = Sin (a) c = Concat <axis = 0> (a, p) y = Sin (c)"
    text = f"g (float16[64] x) => (float16[128] y) {{ a = Softplus (x) {rest} }}"
    part = PieceToRun(model(f"g (float16[64] a) => (float16[128] y) {{ {rest} }}"), {"a": "a", "y": "y"})
    (found,) = run(part, text=text)
    assert found.outcome.exact
