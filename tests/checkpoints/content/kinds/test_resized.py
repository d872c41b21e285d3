"""The reference evaluator of onnx resizes as torch does; the formula gives the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

from rewriter.checkpoints.content.kinds.resized import ResizedGrid
from rewriter.model.tensors import Array
from tests.checkpoints.content.small import drawn, find


def _resize(grid: Array, size: tuple[int, int], mode: str) -> Array:
    node = helper.make_node(
        "Resize",
        ["x", "", "", "sizes"],
        ["y"],
        mode="cubic" if "cubic" in mode else "linear",
        cubic_coeff_a=-0.5 if "antialias" in mode else -0.75,
        antialias=int("antialias" in mode),
        coordinate_transformation_mode="align_corners" if "corners" in mode else "half_pixel",
        exclude_outside=int("antialias" in mode),
    )
    infos = [helper.make_tensor_value_info(name, kind, None) for name, kind in (("x", 1), ("sizes", 7))]
    graph = helper.make_graph([node], "g", infos, [helper.make_tensor_value_info("y", 1, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    sizes = np.array([1, grid.shape[1], *size])
    results: Any = ReferenceEvaluator(model).run(None, {"x": grid, "sizes": sizes})
    return np.asarray(results[0])


@pytest.mark.parametrize("mode", ["bicubic", "bilinear", "bicubic corners", "bilinear corners"])
def test_a_class_token_and_a_resized_grid_are_found(mode: str) -> None:
    old, new = drawn(1, pos=(1, 26, 6), other=(26, 6)), drawn(2, pos=(1, 26, 6), other=(26, 6))
    targets = []
    for each in (old, new):
        pos = each.read("pos")
        made = _resize(pos[:, 1:].reshape(1, 5, 5, 6).transpose(0, 3, 1, 2), (3, 4), mode)
        targets.append(np.concatenate([pos[:, :1], made.reshape(1, 6, 12).transpose(0, 2, 1)], 1))
    formula = find({"t": targets[0].astype(np.float32)}, old).formulas["t"]
    np.testing.assert_allclose(formula.evaluate(new.read), targets[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mode", ["bicubic antialias", "bilinear antialias"])
def test_antialias_is_that_of_the_reference(mode: str) -> None:
    pos = drawn(1, pos=(36, 4)).read("pos")
    wanted = _resize(pos.reshape(1, 6, 6, 4).transpose(0, 3, 1, 2), (3, 3), mode)
    value = ResizedGrid("pos", 4, 0, 0, (6, 6), (3, 3), mode).evaluate(lambda key: pos)
    np.testing.assert_allclose(value, wanted.reshape(4, 9).T, rtol=1e-5, atol=1e-5)
