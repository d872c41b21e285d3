from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

import rewriter
from rewriter.insight.comparison.blocked_values import blocked_values
from rewriter.insight.comparison.tool_ancestry import kept_names
from tests.build import model

BLOCKED = """g (float[1,32,8,8] x, float[32,32,1,1] w) => (float[1,32,8,8] y) {
    a = com.microsoft.nchwc.Conv (x, w) b = Add (a, a) c = com.microsoft.nchwc.ReorderOutput (b)
    d = Relu (x) y = Add (c, d) }"""
PLAIN = BLOCKED.replace("com.microsoft.nchwc.Conv", "Conv").replace(
    "c = com.microsoft.nchwc.ReorderOutput (b)", "c = Identity (b)"
)


def test_the_layout_ends_where_it_is_reordered() -> None:
    graph = rewriter.load(model(BLOCKED)).graph
    assert {graph.value_names[value] for value in blocked_values(graph)} == {"a", "b"}
    assert not blocked_values(rewriter.load(model(PLAIN)).graph)


def test_a_blocked_value_has_the_name_of_another() -> None:
    plain, blocked = rewriter.load(model(PLAIN)), rewriter.load(model(BLOCKED))
    assert kept_names(plain, plain) == {"a", "b", "c", "d", "y"}
    assert kept_names(plain, blocked) == kept_names(blocked, plain) == {"c", "d", "y"}


def test_a_model_in_blocks_agrees_with_its_original(tmp_path: Path) -> None:
    text = """g (float[1,32,8,8] x) => (float[1,32,8,8] y) {
        ["/a/Conv"] a = Conv <kernel_shape = [1,1]> (x, w) ["/b/Conv"] b = Conv <kernel_shape = [1,1]> (a, w)
        ["/c/Mul"] c = Mul (a, b) ["/d/Conv"] y = Conv <kernel_shape = [1,1]> (c, w) }"""
    made = model(text)
    weight = np.random.default_rng(0).standard_normal((32, 32, 1, 1)).astype(np.float32)
    made.graph.initializer.append(numpy_helper.from_array(weight, "w"))
    onnx.save(made, tmp_path / "m.onnx")
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(tmp_path / "all.onnx")
    ort.InferenceSession(tmp_path / "m.onnx", options, providers=["CPUExecutionProvider"])
    for pair in (("m.onnx", "all.onnx"), ("all.onnx", "m.onnx")):
        assert rewriter.diff(*(tmp_path / name for name in pair)).equal
