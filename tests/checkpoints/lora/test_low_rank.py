"""The change of one weight, against the formulas written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rewriter.checkpoints.lora.low_rank import LowRank
from rewriter.checkpoints.tensors.state_dict import StateTensor
from rewriter.errors import UsageError
from rewriter.model.tensors import Array
from rewriter.paths import ModulePath
from tests.checkpoints.models import drawn


def tensor(array: Array) -> StateTensor:
    return StateTensor(array.shape, array.dtype, lambda: array)


A, B, W = drawn(2, 4, seed=1), drawn(3, 2, seed=2), drawn(3, 4, seed=3)


def change(scale: float = 0.5, **more: Any) -> LowRank:
    return LowRank(ModulePath("fc"), tensor(A), tensor(B), scale, **more)


def test_a_weight_of_either_layout_gets_the_product() -> None:
    expected = W + 0.5 * B @ A
    np.testing.assert_allclose(change().merged(W, turned=False), expected, rtol=1e-5)
    np.testing.assert_allclose(change().merged(W.T, turned=True), expected.T, rtol=1e-5)


def test_an_embedding_has_its_entries_first() -> None:
    table = drawn(4, 3, seed=4)
    found = change(is_embedding=True)
    assert found.shape == (4, 3)
    np.testing.assert_allclose(found.merged(table, turned=False), table + 0.5 * (B @ A).T, rtol=1e-5)


@pytest.mark.parametrize("turned", [True, False])
def test_magnitudes_are_the_norms_of_the_outputs(turned: bool) -> None:
    magnitude = np.array([1, 2, 3], np.float32)
    made = change(magnitude=tensor(magnitude)).merged(W.T if turned else W, turned=turned)
    by_output = made.T if turned else made
    np.testing.assert_allclose(np.linalg.norm(by_output, axis=1), magnitude, rtol=1e-5)
    direction = W + 0.5 * B @ A
    np.testing.assert_allclose(
        by_output, direction * (magnitude / np.linalg.norm(direction, axis=1))[:, None], rtol=1e-5
    )


def test_large_weights_are_changed_in_blocks() -> None:
    rows, columns = 700, 3000
    a, b, weight = drawn(2, columns, seed=5), drawn(rows, 2, seed=6), drawn(rows, columns, seed=7)
    made = LowRank(ModulePath("fc"), tensor(a), tensor(b), 2.0).merged(weight, turned=False)
    np.testing.assert_allclose(made, weight + 2 * b @ a, rtol=1e-4, atol=1e-4)


def test_half_floats_are_added_in_float32_and_doubles_in_float64() -> None:
    assert change().merged(W.astype(np.float16), turned=False).dtype == np.float32
    made = change().merged(W.astype(np.float64), turned=False)
    np.testing.assert_allclose(made, W.astype(np.float64) + 0.5 * (B.astype(np.float64) @ A), rtol=1e-12)


def test_a_sum_beyond_the_type_is_refused_and_a_weight_that_is_not_finite_is_not() -> None:
    with pytest.raises(
        UsageError, match=r"fc: the weight with its adapter is not finite; the scale is 1e\+39"
    ):
        change(1e39).merged(W, turned=False)
    infinite = W.copy()
    infinite[0, 0] = np.inf
    assert np.isinf(change().merged(infinite, turned=False)[0, 0])


def test_the_weight_is_not_changed_in_place() -> None:
    before = W.copy()
    change().merged(W, turned=False)
    np.testing.assert_array_equal(W, before)
