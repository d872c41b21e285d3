"""Files that a tool made of another: their values are told by name, their modules by the first file."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxruntime as ort
import pytest
from onnx import version_converter

import rewriter
from rewriter.insight.comparison.tool_ancestry import kept_names
from tests.build import model
from tests.exports import EXPORTS

NAMES = ["bert/ts", "bert/dy", "resnet/dy", "gpt2/dy_dyn"]


def optimised(source: Path, folder: Path) -> Path:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    return folder / "optimised.onnx"


@pytest.mark.parametrize("name", NAMES)
def test_an_optimised_model_agrees_wherever_a_value_is_left(name: str, tmp_path: Path) -> None:
    source = EXPORTS / f"{name}.onnx"
    found = rewriter.diff(source, optimised(source, tmp_path))
    assert found.equal
    assert found.carried
    assert not any(module.added for module in found.modules)
    assert found.numbers is not None
    compared = [call.comparable for call in found.numbers.calls]
    assert not any(call.diverges(found.tolerance) for call in found.numbers.calls)
    assert sum(compared) > 0.8 * len(compared)


def test_a_converted_model_agrees_everywhere(tmp_path: Path) -> None:
    source = EXPORTS / "bert" / "dy.onnx"
    onnx.save(version_converter.convert_version(onnx.load(source), 21), tmp_path / "v21.onnx")
    found = rewriter.diff(source, tmp_path / "v21.onnx")
    assert (found.equal, found.carried, found.changed) == (True, True, ())


def test_the_other_exporter_and_another_model_keep_no_names() -> None:
    bert, other, gpt2 = (
        rewriter.load(EXPORTS / f"{name}.onnx") for name in ("bert/dy", "bert/ts", "gpt2/dy")
    )
    assert kept_names(bert, bert)
    assert not kept_names(bert, other)
    assert not kept_names(bert, gpt2)


def test_models_with_nothing_in_common_say_so() -> None:
    found = rewriter.diff(EXPORTS / "bert" / "dy.onnx", EXPORTS / "resnet" / "dy.onnx")
    assert not found.equal
    assert not found.carried
    assert found.numbers is not None
    assert found.numbers.skipped is not None


def test_an_omitted_input_has_no_name() -> None:
    """The last value of the file is another one in each."""
    text = 'g (float[2] x, float m) => (float[2] y, float[2] {0}) {{ y = Clip (x, "", m) {0} = Neg (y) }}'
    one, other = (rewriter.load(model(text.format(last))) for last in ("a", "b"))
    assert kept_names(one, other) == {"y"}
