"""Pieces put back: the law, the proof, the runs and the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from rich.console import Console

import rewriter
from benchmarks.put_back import fault_of
from rewriter import pipeline
from rewriter.cutting.calls import calls_of
from rewriter.cutting.check import Checking
from rewriter.cutting.extract import Extraction, Target, plan_extractions
from rewriter.edits.pieces.border import borders_of
from rewriter.errors import Different, NotProved, RewriterError, UsageError
from rewriter.modules.analysis import Analysis
from rewriter.proof.certificate import certify
from rewriter.views.text.edits.implant import print_implanting
from tests.build import model
from tests.edits.layers import BRANCHES, LOOP, extracted, implanted, layer, parsed, whole
from tests.exports import each_file_with

ONCE = Checking(numbers=False)


def hold_for_all(analysis: Analysis, most: int = 0) -> int:
    """Check the law for every call of every module that `extract` takes out; return their number."""
    calls = [
        Target((module.path,), call) for module in analysis.tree for call in calls_of(analysis, module.path)
    ]
    if most:
        calls = calls[:: max(len(calls) // most, 1)]
    taken = {
        target: found
        for target, found in plan_extractions(analysis, calls, ONCE).found.items()
        if isinstance(found, Extraction)
    }
    borders = borders_of(analysis, list(taken), ONCE)
    for target, found in taken.items():
        assert fault_of(analysis, borders[target], found.model) is None, target
    return len(taken)


@pytest.mark.parametrize("text", [BRANCHES, LOOP])
def test_the_law_in_bodies(text: str) -> None:
    assert hold_for_all(pipeline.load(model(text))) >= 2


@each_file_with("most", [0], stems=("ts", "dy"))
@pytest.mark.thorough
def test_the_law(path: Path, most: int) -> None:
    assert hold_for_all(pipeline.load_sorted(path), most) > 0


@pytest.mark.parametrize("name", ["cond/dy", "external_data/dy"])
def test_the_law_on_some_modules(name: str) -> None:
    from tests.exports import EXPORTS

    assert hold_for_all(pipeline.load_sorted(EXPORTS / f"{name}.onnx"), 4) > 0


def test_a_run_tells_the_difference() -> None:
    found = rewriter.implant(
        whole(), {"l.1": layer("{ y = Relu (b) }")}, inputs={"x": np.ones((1, 2), np.float32)}
    )
    assert found.numeric is not None
    assert (found.numeric.runs, found.numeric.exact) == (1, False)
    assert found.certificate.equal


def test_beyond_the_tolerance_nothing_is_written(tmp_path: Path) -> None:
    piece, out = layer("{ y = Relu (b) }"), tmp_path / "o.onnx"
    with pytest.raises(Different, match=r"beyond --tolerance 0.001.*; nothing was written"):
        rewriter.implant(whole(), {"l.1": piece}, out, tolerance=1e-3)
    assert not out.exists()


def test_a_result_that_does_not_run_is_written_on_demand(tmp_path: Path) -> None:
    piece, out = layer("{ y = my.Op (b) }", imports=', "my" : 1'), tmp_path / "o.onnx"
    with pytest.raises(
        NotProved, match=r"the second model does not run: .*; nothing was written, --no-numbers"
    ):
        rewriter.implant(whole(), {"l.1": piece}, out)
    assert not out.exists()
    rewriter.implant(whole(), {"l.1": piece}, out, numbers=False)
    assert onnx.load(out).graph.node[-1].op_type == "Op"


def test_functions_of_ours_are_inlined() -> None:
    grouped = rewriter.rewrite(whole(), functions="call", numbers=False).analysis.model
    piece = rewriter.rewrite(extracted(whole(), "l.1"), functions="call", numbers=False).analysis.model
    found = implanted(grouped, {"l.1": piece})
    assert found.analysis.grouped
    assert found.flattened
    assert not found.model.functions
    assert certify(whole(), found.model).equal


def test_functions_of_a_piece_are_told_as_inlined() -> None:
    piece = rewriter.replace(extracted(whole(), "l.1"), "l.1", "my.domain:Fused", numbers=False).model
    found = implanted(whole(), {"l.1": piece})
    assert (found.analysis.grouped, found.flattened, found.implants[0].inlined) == (False, True, True)
    assert not found.model.functions


def test_a_piece_that_draws_is_told_and_within_no_tolerance(capsys: pytest.CaptureFixture[str]) -> None:
    piece = layer("{ y = RandomNormalLike <scale = 0.001> (b) }")
    found = implanted(whole(), {"l.1": piece})
    assert found.implants[0].draws == ("RandomNormalLike",)
    print_implanting(found, Console())
    assert "pieces draw random numbers by RandomNormalLike, so each run differs" in capsys.readouterr().out
    with pytest.raises(
        NotProved, match="--tolerance is for one result, and a piece draws by RandomNormalLike"
    ):
        rewriter.implant(whole(), {"l.1": piece}, tolerance=1e9)
    still = layer("{ y, m = Dropout (b) }")
    assert implanted(whole(), {"l.1": still}).implants[0].draws == ()


def test_several_pieces_at_once() -> None:
    first = parsed("g (float[N, 2] x) => (float[N, 2] b) { b = Neg (x) }")
    found = implanted(whole(), {"l.0": first, "l.1": layer("{ y = Relu (b) }")})
    assert [node.op_type for node in found.model.graph.node] == ["Constant", "Neg", "Shape", "Relu"]
    assert repr(found) == "<Implanting: l.0, l.1, numbers not asked for>"


def test_two_pieces_for_one_node() -> None:
    piece = layer("{ y = Relu (b) }")
    with pytest.raises(UsageError, match="have nodes in common; implant one, then"):
        implanted(whole(), [("l", extracted(whole(), "l")), ("l.1", piece)])
    with pytest.raises(UsageError, match=r"l\.1 and l\.1 have nodes in common"):
        implanted(whole(), [("l.1", piece), ("l.1", piece)])


@pytest.mark.parametrize(
    ("pieces", "fault"),
    [
        ({}, "there is no piece"),
        ({"": layer("{ y = Relu (b) }")}, "a module is empty"),
        ({"l.7": layer("{ y = Relu (b) }")}, "no module fits 'l.7'; nearest: l.1"),
        ({"l.1@3": layer("{ y = Relu (b) }")}, "l.1 has no call 3; its calls are 0"),
        ({"l.*@all": layer("{ y = Relu (b) }")}, "is for one module"),
    ],
)
def test_wrong_use(pieces: dict[str, onnx.ModelProto], fault: str) -> None:
    with pytest.raises(RewriterError, match=fault):
        implanted(whole(), pieces)


def test_an_output_never_replaces_a_piece(tmp_path: Path) -> None:
    piece = tmp_path / "p.onnx"
    onnx.save(layer("{ y = Relu (b) }"), piece)
    with pytest.raises(UsageError, match="is read here; name another output"):
        implanted(whole(), {"l.1": piece}, output=piece)
