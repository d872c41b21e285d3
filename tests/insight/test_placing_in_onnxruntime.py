"""onnxruntime reads the settings: sessions are made with them, and its log tells what it made of them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

import rewriter
from rewriter.basics.literals import FunctionsWord
from rewriter.basics.releases import numbers_of
from rewriter.errors import UsageError
from rewriter.insight.placement.device_settings import parse_wishes, place
from rewriter.insight.placement.layer_rules import BY_ANNOTATION, BY_NAME
from rewriter.modules.selection import Selection
from rewriter.runtime.inputs.planning import draw
from tests.exports import EXPORTS

pytestmark = pytest.mark.skipif(
    numbers_of(ort.__version__) < (1, 28), reason="onnxruntime before 1.28 does not read all of the settings"
)

WISHES = ["model.encoder.layer.0=cpu", "model.encoder.layer.1.attention=cpu", "model.pooler=NoneSuch"]


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("layers") / "bert.onnx"
    rewriter.rewrite(EXPORTS / "bert" / "ts.onnx", path, layer_annotations=True, numbers=False)
    return path


def session(path: Path, settings: dict[str, str]) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 0
    for key, text in settings.items():
        options.add_session_config_entry(key, text)
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(("key", "sort"), [(BY_ANNOTATION, "annotation-based"), (BY_NAME, "name-based")])
def test_a_session_reads_the_settings(
    annotated: Path, key: str, sort: str, capfd: pytest.CaptureFixture[str]
) -> None:
    placing = place(rewriter.load(annotated), parse_wishes(WISHES), Selection())
    rules = placing.settings[key].count(",") + placing.settings[key].count("(")
    capfd.readouterr()
    made = session(annotated, {key: placing.settings[key]})
    log = capfd.readouterr().err
    assert f"Parsed {rules} {sort} layering rules from config" in log
    assert re.search(r"Layering Rule \d+ \(cpu -> .* mapped to EP: CPUExecutionProvider", log)
    assert "(device='NoneSuch'" in log
    assert f"Matched {rules - 1} out of {rules} rules" in log
    feeds = draw(rewriter.load(annotated).model, sets=1)[0]
    plain = ort.InferenceSession(annotated, providers=["CPUExecutionProvider"])
    for ours, theirs in zip(made.run(None, feeds), plain.run(None, feeds), strict=True):
        assert np.array_equal(ours, theirs)


def test_it_refuses_both_settings_at_once(annotated: Path) -> None:
    settings = place(rewriter.load(annotated), parse_wishes(WISHES), Selection()).settings
    assert len(settings) == 2
    with pytest.raises(Exception, match="mutually exclusive"):
        session(annotated, settings)


def test_it_says_nothing_of_a_pattern_that_matches_no_node(
    annotated: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    session(annotated, {BY_ANNOTATION: "cpu(no.such.layer)"})
    assert "Matched 1 out of 1 rules" in capfd.readouterr().err
    with pytest.raises(UsageError, match=r"no module fits 'no\.such\.layer'; nearest: "):
        place(rewriter.load(annotated), parse_wishes([*WISHES, "no.such.layer=cpu"]), Selection())


@pytest.mark.parametrize("functions", ["call", "shared"])
def test_grouped_files_take_the_settings_of_flat_ones(
    annotated: Path, functions: FunctionsWord, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = place(
        rewriter.load(annotated), parse_wishes(["model.encoder.layer.0=cpu"]), Selection()
    ).settings
    grouped = tmp_path / "grouped.onnx"
    rewriter.rewrite(annotated, grouped, functions=functions, layer_annotations=True, numbers=False)
    session(grouped, {BY_ANNOTATION: settings[BY_ANNOTATION]})
    assert "Matched 1 out of 1 rules" in capfd.readouterr().err
