from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import pytest

from rewriter import pipeline
from rewriter.cutting.check import Checking
from rewriter.cutting.plan.memory_split import Aim, plan_memory
from rewriter.cutting.split import Split, finish
from rewriter.errors import CannotCut, UsageError
from tests.build import model
from tests.exports import EXPORTS

NONE = Checking(numbers=False)
LAYERS = """
g (float[N, 8] x) => (float[N, 8] y)
{
  ["/l.0/MatMul"] a = MatMul (x, v)
  ["/l.0/Relu"] b = Relu (a)
  ["/l.1/MatMul"] c = MatMul (b, w)
  ["/l.1/Relu"] d = Relu (c)
  ["/l.2/Neg"] y = Neg (d)
}
"""


def layers() -> onnx.ModelProto:
    made = model(LAYERS)
    weights = np.eye(8, dtype=np.float32)
    made.graph.initializer.extend(onnx.numpy_helper.from_array(weights, name) for name in "vw")
    return made


def planned(source: object, aim: Aim) -> Split:
    return plan_memory(pipeline.load(source), aim, NONE)  # type: ignore[arg-type]


def test_a_number_of_parts() -> None:
    found = planned(layers(), Aim(into=2, dims={"N": 4}))
    assert [str(at) for at in found.at] == ["l.1"]
    assert [(each.weights, each.inputs, each.activations) for each in found.memory] == [
        (256, 128, 256),
        (256, 128, 256),
    ]


def test_a_size_that_is_missing_is_named() -> None:
    for aim in (Aim(into=2), Aim(budget=1 << 20)):
        with pytest.raises(UsageError, match=r"give sizes by --dim NAME=SIZE for N$"):
            planned(layers(), aim)


def test_parts_fit_a_budget_and_there_are_no_more_than_necessary() -> None:
    dims = {"N": 4}
    assert not planned(layers(), Aim(budget=1 << 20, dims=dims)).at
    found = planned(layers(), Aim(budget=700, dims=dims))
    assert len(found.parts) == 2
    assert max(each.total for each in found.memory) <= 700


def test_a_budget_that_no_cut_keeps_is_refused_with_what_is_needed() -> None:
    with pytest.raises(CannotCut, match="a part needs 640 B even if it is cut before every module"):
        planned(layers(), Aim(budget=500, dims={"N": 4}))


def test_more_parts_than_places_are_refused() -> None:
    with pytest.raises(CannotCut, match="2 places to cut, so it can be cut into at most 3 parts"):
        planned(layers(), Aim(into=4, dims={"N": 4}))


def test_what_cannot_be_predicted_is_held_to_no_budget() -> None:
    source = model("""
        g (float[8] x) => (int64[1, N] y)
        { ["/l.0/Abs"] a = Abs (x) ["/l.1/NonZero"] y = NonZero (a) }
    """)
    with pytest.raises(CannotCut, match="the size of an output of NonZero is unknown; use --into or --at"):
        planned(source, Aim(budget=1 << 20))
    found = planned(source, Aim(into=2))
    assert [list(each.unknown.values()) for each in found.memory] == [[], [1]]


@pytest.mark.parametrize("case", ["bert/dy", "bert/ts", "resnet/dy", "t5/dy", "unet/ts"])
def test_exported_models_in_parts_within_a_budget(case: str, tmp_path: Path) -> None:
    analysis = pipeline.load_sorted(EXPORTS / f"{case}.onnx")
    whole = max(each.total for each in plan_memory(analysis, Aim(into=2), NONE).memory)
    found = plan_memory(analysis, Aim(budget=whole), NONE)
    assert max(each.total for each in found.memory) <= whole
    checked = finish(found, tmp_path / "parts", Checking(sets=1))
    assert len(checked.parts) == 2
    assert all(each.numeric is not None and each.numeric.exact for each in checked.checks)
