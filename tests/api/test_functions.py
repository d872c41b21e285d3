"""The Python functions: sources of every kind, never changed; outcomes as values, misuse as errors."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

import rewriter
from rewriter import pipeline
from rewriter.errors import BelowThreshold, Different, NotProved, UnreadableModel, UsageError
from rewriter.modules.analysis import Analysis
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Outcome
from rewriter.passes.registry.presets import Functions, standard_passes
from rewriter.pipeline import proof, rewrite_run
from rewriter.proof.certificate import Certificate
from rewriter.verdict.numbers import OPTIMISED, Numeric
from rewriter.verdict.verification import Verification
from tests.build import chain, model
from tests.exports import EXPORTS

TS = EXPORTS / "bert" / "ts.onnx"
EXTERNAL = EXPORTS / "external_data" / "dy.onnx"


def test_public_names_exist() -> None:
    assert dir(rewriter) == rewriter.__all__
    for name in rewriter.__all__:
        assert getattr(rewriter, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        getattr(rewriter, "nonsense")  # noqa: B009


def test_sources_of_every_kind_give_the_same_tree() -> None:
    proto = onnx.load(TS)
    trees = [rewriter.tree(source) for source in (TS, str(TS), TS.read_bytes(), proto)]
    assert all([*tree.modules.values()] == [*trees[0].modules.values()] for tree in trees)
    assert all(tree.placements == trees[0].placements for tree in trees)
    assert rewriter.load(TS).path == TS
    assert rewriter.load(proto).path is None


def test_a_model_in_memory_is_never_changed(tmp_path: Path) -> None:
    proto = onnx.load(TS)
    before = proto.SerializeToString(deterministic=True)
    report = rewriter.rewrite(proto, tmp_path / "out.onnx", restore_names=True, numbers=False)
    assert proto.SerializeToString(deterministic=True) == before
    assert report.analysis.model is not proto
    assert (tmp_path / "out.onnx").read_bytes() == report.analysis.model.SerializeToString(deterministic=True)


def test_without_an_output_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = rewriter.rewrite(TS, numbers=False)
    dry = rewriter.rewrite(TS, tmp_path / "out.onnx", numbers=False, dry_run=True)
    assert report.outputs == dry.outputs == ()
    assert not [*tmp_path.iterdir()]


def test_the_report(tmp_path: Path) -> None:
    told: list[str] = []
    options = pipeline.Options(passes=standard_passes(restore_names=True))
    report = pipeline.rewrite(TS, tmp_path / "out.onnx", options, told.append)
    assert report.outputs == (tmp_path / "out.modules.json", tmp_path / "out.onnx")
    assert told == [*report.seconds] == ["load", "tree", "passes", "certificate", "numbers", "write"]
    assert [record.name for record in report.passes] == ["annotate", "restore_names"]
    assert report.verification.verdict == "equal"
    assert rewriter.verify(TS, tmp_path / "out.onnx").verdict == "equal"


def test_passes_sidecar_and_inputs_of_ones_own(tmp_path: Path) -> None:
    source = chain("/a/Relu")
    report = rewriter.rewrite(
        source,
        tmp_path / "o.onnx",
        passes=[Annotate()],
        sidecar="none",
        inputs={"x": np.array([-1, 2], np.float32)},
    )
    assert report.verification.numeric is not None
    assert report.verification.numeric.runs == 1
    assert [file.name for file in tmp_path.iterdir()] == ["o.onnx"]
    with pytest.raises(UsageError, match="shape"):
        rewriter.rewrite(source, inputs={"x": np.zeros(3, np.float32)})


def test_without_a_sidecar_the_old_one_goes_if_it_is_ours(tmp_path: Path) -> None:
    told = tmp_path / "o.modules.json"
    rewriter.rewrite(chain("/a/Relu"), tmp_path / "o.onnx", numbers=False)
    assert told.exists()
    report = rewriter.rewrite(chain("/b/Relu"), tmp_path / "o.onnx", numbers=False, sidecar="none")
    assert report.removed == (told,)
    assert [file.name for file in tmp_path.iterdir()] == ["o.onnx"]
    for foreign in ("{}", "no JSON", '{"schema": "rewriter.modules/1"}'):
        told.write_text(foreign)
        rewriter.rewrite(chain("/c/Relu"), tmp_path / "o.onnx", numbers=False, sidecar="none")
        assert told.read_text() == foreign
    rewriter.rewrite(chain("/a/Relu"), tmp_path / "other.onnx", numbers=False)
    (tmp_path / "other.modules.json").replace(told)  # it describes another file
    rewriter.rewrite(chain("/c/Relu"), tmp_path / "o.onnx", numbers=False, sidecar="none")
    assert told.exists()


def test_far_too_many_functions_are_refused_before_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewrite_run, "MOST_FUNCTIONS", 2)
    passes = standard_passes(Functions.SHARED)

    def run(*names: str) -> None:
        rewriter.rewrite(chain(*names), tmp_path / "o.onnx", passes=passes, numbers=False)

    run(*(f"/layers.{number}/Relu" for number in range(6)))  # one word, so they may share
    with pytest.raises(UsageError, match="4 functions, and ONNX allows 2"):
        run(*(f"/m{number}/Relu" for number in range(4)))
    monkeypatch.setattr(rewrite_run, "PassManager", None)
    with pytest.raises(UsageError, match="over 4 functions, and ONNX allows 2"):
        run(*(f"/m{number}/Relu" for number in range(5)))


def test_thresholds(tmp_path: Path) -> None:
    half = chain("/a/Relu", "nobody")
    rewriter.rewrite(half, min_coverage=0.5, numbers=False)
    with pytest.raises(BelowThreshold, match=r"50\.0% of the nodes placed"):
        rewriter.rewrite(half, tmp_path / "o.onnx", min_coverage=0.51, numbers=False)
    taken = model(
        """g (float[2,2] x, bool c) => (float[2,2] y) <float[2,2] "onnx::MatMul_5" = {1,2,3,4}>
        { ["/fc/MatMul"] h = MatMul(x, "onnx::MatMul_5")
          ["/If"] y = If(c) <
            then_branch = yes () => (float[2,2] "fc.weight") { ["/Relu"] "fc.weight" = Relu(h) },
            else_branch = no () => (float[2,2] z) { ["/Neg"] z = Neg(h) }
          > }"""
    )
    assert len(rewriter.rewrite(taken, restore_names=True, numbers=False).refusals) == 1
    with pytest.raises(BelowThreshold, match="1 refusal, first"):
        rewriter.rewrite(taken, tmp_path / "o.onnx", restore_names=True, numbers=False, strict=True)
    assert not [*tmp_path.iterdir()]


class _Break(Annotate):
    """A pass with a bug: it changes what the model computes."""

    def run(self, analysis: Analysis) -> Outcome:
        analysis.graph.nodes[0].op_type = "Neg"
        return super().run(analysis)


def test_a_pass_that_breaks_the_model_is_found_out(tmp_path: Path) -> None:
    with pytest.raises(NotProved, match="first at node '/a/Relu'"):
        rewriter.rewrite(chain("/a/Relu"), tmp_path / "o.onnx", passes=[_Break()], numbers=False)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", ["dy", "dy_dyn"])  # onnxruntime 1.31 fuses the second differently
def test_functions_agree_with_all_optimisations(name: str) -> None:
    report = rewriter.rewrite(EXPORTS / "bert" / f"{name}.onnx", functions="shared", optimised=True)
    assert [*report.seconds] == ["load", "tree", "passes", "certificate", "numbers", "optimised numbers"]
    assert report.analysis.model.functions
    optimised = report.verification.optimised
    assert optimised is not None
    assert (optimised.skipped, optimised.runs) == (None, 3)
    assert optimised.within
    assert rewriter.rewrite(TS).verification.optimised is None


def test_optimised_numbers_count() -> None:
    equal, exact = Certificate(True, 1), Numeric(1, exact=True)
    close, far = (Numeric(1, exact=False, within=within, tolerance=OPTIMISED) for within in (True, False))
    assert Verification(equal, exact, close).verdict == "equal"
    assert Verification(equal, exact, far).verdict == "different"
    assert Verification(equal, exact, Numeric(skipped="no runtime")).verdict == "equal"
    assert Verification(equal, exact, Numeric(error="it crashed")).verdict == "not proved"


@pytest.mark.parametrize(
    ("optimised", "error", "message"),
    [
        (
            Numeric(1, exact=False, worst_abs=0.5, relative=0.25, within=False, tolerance=OPTIMISED),
            Different,
            "different: with all optimisations, onnxruntime: 1 run, beyond --tolerance 0.001: off by up",
        ),
        (Numeric(error="it crashed"), NotProved, "not proved: with all optimisations, numbers not taken: it"),
    ],
)
def test_optimised_models_that_differ_are_refused(
    optimised: Numeric,
    error: type[Exception],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = optimised

    def compared(*_: object, optimised: bool, **__: object) -> Numeric:
        return found if optimised else Numeric(1, exact=True)

    monkeypatch.setattr(proof, "compare", compared)
    with pytest.raises(error, match=message):
        rewriter.rewrite(chain("/a/Relu"), tmp_path / "o.onnx", optimised=True)
    assert not [*tmp_path.iterdir()]
    assert rewriter.rewrite(chain("/a/Relu")).verification.verdict == "equal"


def test_models_that_differ_also_differ_optimised() -> None:
    text = "g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Mul(x, w) }"
    found = rewriter.verify(model(text), model(text.replace("{1, 2}", "{1, 2.5}")), optimised=True)
    assert found.optimised is not None
    assert found.optimised.within is False
    assert found.verdict == "different"


def test_optimised_needs_numbers() -> None:
    with pytest.raises(UsageError, match="compares numbers"):
        rewriter.verify(TS, TS, numbers=False, optimised=True)


def test_external_data_goes_along(tmp_path: Path) -> None:
    for file in EXTERNAL.parent.glob("dy.onnx*"):
        shutil.copy(file, tmp_path)
    (tmp_path / "far").mkdir()
    data = tmp_path / "dy.onnx.data"
    before = (data.stat().st_mtime_ns, data.read_bytes())
    source = tmp_path / "dy.onnx"
    beside = rewriter.rewrite(source, tmp_path / "out.onnx", numbers=True)
    assert [file.name for file in beside.outputs] == ["out.modules.json", "out.onnx"]
    far = rewriter.rewrite(source, tmp_path / "far" / "out.onnx", numbers=True, copy_data=True)
    assert [file.name for file in far.outputs] == ["dy.onnx.data", "out.modules.json", "out.onnx"]
    assert (data.stat().st_mtime_ns, data.read_bytes()) == before
    again = rewriter.rewrite(source, tmp_path / "far" / "out.onnx", copy_data=True)
    assert [file.name for file in again.outputs] == ["out.modules.json", "out.onnx"]
    for report in (beside, far):
        assert report.verification.numeric is not None
        assert report.verification.numeric.exact
    assert rewriter.verify(source, tmp_path / "far" / "out.onnx").verdict == "equal"
    (tmp_path / "far" / "dy.onnx.data").write_bytes(bytes(len(before[1])))
    assert rewriter.verify(source, tmp_path / "far" / "out.onnx").verdict != "equal"
    # Other data under that name is left alone: an older output may refer to it.
    rewriter.rewrite(source, tmp_path / "far" / "out.onnx", copy_data=True)
    assert (tmp_path / "far" / "dy.onnx.data").read_bytes() == bytes(len(before[1]))
    assert rewriter.verify(source, tmp_path / "far" / "out.onnx").verdict == "equal"


def test_a_model_in_memory_finds_its_data_beside_the_output_or_is_refused(tmp_path: Path) -> None:
    proto = onnx.load(EXTERNAL, load_external_data=False)
    with pytest.raises(UnreadableModel, match="missing"):
        rewriter.rewrite(proto, tmp_path / "out.onnx", numbers=False)
    assert not [*tmp_path.iterdir()]
    shutil.copy(EXTERNAL.parent / "dy.onnx.data", tmp_path)
    with pytest.raises(UsageError, match="external data"):
        rewriter.rewrite(proto, tmp_path / "dy.onnx.data", numbers=False)
    rewriter.rewrite(proto, tmp_path / "out.onnx", numbers=False)
    assert rewriter.verify(EXTERNAL, tmp_path / "out.onnx").verdict == "equal"


def test_a_model_that_is_no_expression_is_refused_as_input(tmp_path: Path) -> None:
    proto = chain("/a/Relu", "/b/Relu")
    proto.graph.node[0].input[0] = "nowhere"
    with pytest.raises(UnreadableModel, match="reads 'nowhere', which nothing writes"):
        rewriter.rewrite(proto, tmp_path / "out.onnx", numbers=False)
    assert not [*tmp_path.iterdir()]
    with pytest.raises(UnreadableModel, match="reads 'nowhere', which nothing writes"):
        rewriter.verify(proto, proto, numbers=False)
