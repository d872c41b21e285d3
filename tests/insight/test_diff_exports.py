"""Exports against exports: the other exporter, grouped files, external weights."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

import rewriter
from rewriter.insight.comparison.structural_diff import Aspect
from tests.exports import EXPORTS


@pytest.mark.parametrize("name", ["bert", "gpt2", "resnet", "llama", "silent_container"])
def test_exporters_agree_on_every_call(name: str) -> None:
    found = rewriter.diff(EXPORTS / name / "ts.onnx", EXPORTS / name / "dy.onnx")
    assert found.equal
    assert found.numbers is not None
    calls = found.numbers.calls
    assert len(calls) > 5
    assert all(call.comparable for call in calls)
    assert not any(call.diverges(found.tolerance) for call in calls)


def test_grouped_files_are_looked_through(tmp_path: Path) -> None:
    source = EXPORTS / "bert" / "dy.onnx"
    rewriter.rewrite(source, tmp_path / "grouped.onnx", functions="shared", numbers=False)
    found = rewriter.diff(source, tmp_path / "grouped.onnx")
    assert found.equal
    assert found.numbers is not None
    assert len(found.numbers.calls) == len(rewriter.diff(source, source).numbers.calls)  # type: ignore[union-attr]


def test_external_weights_are_read(tmp_path: Path) -> None:
    source = EXPORTS / "external_data" / "dy.onnx"
    inline = onnx.load(source)
    for tensor in inline.graph.initializer:
        if tensor.name.endswith("weight"):
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * 2, tensor.name))
            break
    onnx.save(inline, tmp_path / "inline.onnx")
    found = rewriter.diff(source, tmp_path / "inline.onnx")
    assert [[each.aspect for each in module.changes] for module in found.changed] == [[Aspect.PARAMETER]]
    assert found.first is not None
    assert found.first.path == found.changed[0].path
