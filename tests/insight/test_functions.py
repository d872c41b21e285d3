"""Which function a module became."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from rewriter import pipeline, rewrite
from rewriter.basics.literals import FunctionsWord
from rewriter.insight.functions import functions_of
from tests.exports import EXPORTS


@pytest.mark.parametrize("functions", ["call", "shared"])
@pytest.mark.parametrize("name", ["bert/ts", "gpt2/dy", "shared_block/ts", "resnet/dy"])
def test_every_function_stands_for_a_module(name: str, functions: FunctionsWord, tmp_path: Path) -> None:
    grouped = tmp_path / "grouped.onnx"
    rewrite(EXPORTS / f"{name}.onnx", grouped, functions=functions, numbers=False, sidecar="none")
    model, analysis = pipeline.read_and_load(grouped)
    found = functions_of(model, analysis.tree)
    assert {(each.domain, each.name) for each in found} == {(f.domain, f.name) for f in model.functions}
    for each in found:
        classes = {analysis.tree[path].class_name for path in each.modules}
        assert len(classes) == 1  # what shares a function is of one class
        if functions == "call":
            assert len(each.modules) == 1


def test_a_flat_file_has_none() -> None:
    model, analysis = pipeline.read_and_load(EXPORTS / "bert" / "ts.onnx")
    assert functions_of(model, analysis.tree) == ()


def test_functions_that_call_themselves_end() -> None:
    loop = onnx.helper.make_function(
        "f", "g", ["x"], ["y"], [onnx.helper.make_node("g", ["x"], ["y"], domain="f")], []
    )
    analysis = pipeline.load(EXPORTS / "bert" / "ts.onnx")
    model = onnx.helper.make_model(
        onnx.helper.make_graph([onnx.helper.make_node("g", ["x"], ["y"], domain="f")], "g", [], []),
        functions=[loop],
    )
    assert [each.modules for each in functions_of(model, analysis.tree)] == [("",)]
