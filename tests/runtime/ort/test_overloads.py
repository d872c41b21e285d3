"""Overloads of functions: where onnxruntime enters others than are called, nobody takes its numbers."""

from __future__ import annotations

import math
from pathlib import Path

import onnx
import pytest

import rewriter
from rewriter.runtime.ort import overloads
from rewriter.runtime.ort.overloads import misread
from tests.insight.tools import files
from tests.insight.tools.tools import value

MEANT = math.exp(math.sin(-1))
MODELS = {
    (twins, inner): files.overloaded(twins=twins, inner=inner)()
    for twins in (True, False)
    for inner in (True, False)
}


def alone() -> onnx.ModelProto:
    """A function with an overload, of a name of its own, called by another."""
    model = files.overloaded(twins=False, inner=True)()
    model.functions[0].overload = model.functions[2].node[0].overload = "o"
    return model


@pytest.mark.parametrize("release", ["1.23.0", "1.26.0"])
def test_below_the_bound_twins_are_misread(release: str) -> None:
    told = {key: misread(model, release) for key, model in MODELS.items()}
    assert {key for key, reason in told.items() if reason} == {(True, True), (True, False)}
    assert told[True, False] == f"onnxruntime {release} ignores overloads of functions; 1.27.0 reads them"
    assert misread(alone(), release) is None


@pytest.mark.parametrize("release", ["1.27.0", "1.32.0", "2.0"])
def test_from_the_bound_on_calls_inside_of_functions_are(release: str) -> None:
    told = {key: misread(model, release) for key, model in MODELS.items()}
    assert {key for key, reason in told.items() if reason} == {(True, True)}
    assert misread(alone(), release) == told[True, True]


def test_a_twin_that_nobody_calls_takes_the_place_of_the_other() -> None:
    model = files.overloaded(twins=False)()
    model.functions.add().CopyFrom(model.functions[0])
    model.functions[2].overload = "unused"
    assert misread(model, "1.26.0")
    assert not misread(model, "1.27.0")


def test_without_onnxruntime_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overloads, "installed_release", lambda module: None)
    assert misread(MODELS[True, True]) is None


@pytest.mark.tools("onnxruntime")
@pytest.mark.parametrize("twins", [True, False])
@pytest.mark.parametrize("inner", [True, False])
def test_onnxruntime_does_as_is_said(twins: bool, inner: bool) -> None:
    model = MODELS[twins, inner]
    assert (abs(value(model) - MEANT) > 1e-3) == (misread(model) is not None)


@pytest.mark.tools("onnxruntime")
def test_onnxruntime_reads_an_overload_alone_as_is_said() -> None:
    if misread(alone()) is None:
        assert value(alone()) == pytest.approx(MEANT)
    else:
        with pytest.raises(Exception, match="not a registered function"):
            value(alone())


def test_numbers_are_not_taken_and_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overloads, "installed_release", lambda module: "1.26.0")
    path = files.save(MODELS[True, False], tmp_path / "model.onnx")
    numeric = rewriter.verify(path, files.save(MODELS[False, False], tmp_path / "other.onnx")).numeric
    assert numeric is not None
    assert numeric.skipped == "onnxruntime 1.26.0 ignores overloads of functions; 1.27.0 reads them"
    with pytest.raises(rewriter.RewriterError, match="ignores overloads"):
        rewriter.profile(path)
