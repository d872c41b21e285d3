from __future__ import annotations

import numpy as np
import pytest

from rewriter.checkpoints.content.independent import is_generated
from rewriter.model.tensors import Array

RANDOM = np.random.default_rng(5)
GENERATED: dict[str, Array] = {
    "mask": np.where(RANDOM.random((8, 8)) > 0.5, 0, np.float32(-3.4e38)),
    "two numbers": np.where(RANDOM.random((8, 8)) > 0.5, 0.1234, 0.4321),
    "range": np.arange(12.0),
    "steps": np.linspace(0.1, 0.9, 13),
    "halves": np.array([0.5, 3.5, 17.0, 2.0]),
    "frequencies": 10000.0 ** (-np.arange(16) / 16),
    "sines": np.sin(np.arange(50)[:, None] * 0.7 ** np.arange(6)),
    "cosines, transposed": np.cos(np.arange(50) * 0.7 ** np.arange(6)[:, None]),
    "window": 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(40) / 40),
}
WEIGHTS: dict[str, Array] = {
    "matrix": RANDOM.standard_normal((8, 8)),
    "vector": RANDOM.standard_normal(9),
    "short": RANDOM.standard_normal(4),
    "nearly a range": np.arange(12.0) + 0.01 * RANDOM.standard_normal(12),
    "sines times weights": np.sin(np.arange(50)[:, None] * 0.7 ** np.arange(6)) * RANDOM.random((50, 1)),
}


@pytest.mark.parametrize("name", GENERATED)
def test_generated_numbers_are_known(name: str) -> None:
    assert is_generated(GENERATED[name].astype(np.float32))


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_are_not_generated(name: str) -> None:
    assert not is_generated(WEIGHTS[name].astype(np.float32))
