"""A tensor for several parameters fits new weights only if these are equal."""

from __future__ import annotations

import numpy as np
import pytest

import rewriter
from rewriter.checkpoints.refit import Unresolved
from tests.checkpoints.models import drawn, model, node

ZERO = np.zeros(4, np.float32)
SHARED = [
    node("Add", "/a/Add", ["x", "a.bias"], "/a/Add_output_0"),
    node("Add", "/b/Add", ["/a/Add_output_0", "a.bias"], "y"),
]
"""The exporter merged `b.bias` into `a.bias`."""


def test_parameters_that_were_merged_must_stay_equal() -> None:
    source, bias = model(SHARED, {"a.bias": ZERO}), drawn(4)
    assert rewriter.refit(source, {"a.bias": bias, "b.bias": bias}).plan.tied == {"b.bias": "a.bias"}
    with pytest.raises(Unresolved, match=r"it may stand for a.bias and b.bias, whose new tensors differ"):
        rewriter.refit(source, {"a.bias": bias, "b.bias": bias + 1})


@pytest.mark.parametrize("old", [ZERO, drawn(4)])
def test_equal_nodes_may_have_been_merged_if_the_tensor_repeats_one_number(old: object) -> None:
    source = model(SHARED[:1], {"a.bias": np.asarray(old)}, out="/a/Add_output_0")
    new = {"a.bias": drawn(4), "c.bias": drawn(4, seed=1)}
    if old is ZERO:
        with pytest.raises(Unresolved, match=r"it may stand for a.bias and c.bias"):
            rewriter.refit(source, new)
    else:
        assert rewriter.refit(source, new).plan.unused == ("c.bias",)


def test_a_batch_norm_without_nodes_may_be_in_the_weights_of_a_layer() -> None:
    source = model(SHARED[:1], {"a.bias": drawn(4)}, out="/a/Add_output_0")
    norm = {f"norm.{name}": drawn(4, seed=2) for name in ("weight", "running_var")}
    with pytest.raises(Unresolved, match=r"2 keys cannot be resolved, first norm.weight: .* may have been"):
        rewriter.refit(source, {"a.bias": drawn(4), **norm})


def test_a_layer_that_is_called_twice_reads_its_own_parameter() -> None:
    again = node("Add", "/a/Add_1", ["/a/Add_output_0", "a.bias"], "y")
    source = model([SHARED[0], again], {"a.bias": drawn(4)})
    assert rewriter.refit(source, {"a.bias": drawn(4, seed=1), "c.bias": drawn(4, seed=2)}).plan.unused == (
        "c.bias",
    )
