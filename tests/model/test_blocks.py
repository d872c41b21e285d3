"""Blocks have the elements of an array in their order."""

from __future__ import annotations

import numpy as np
import pytest

from rewriter.model import blocks
from rewriter.model.blocks import blocks_of
from rewriter.model.tensors import Array

MATRIX = np.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize("array", [MATRIX, MATRIX.T, np.arange(7), np.array(3.0), MATRIX.reshape(2, 2, 3).T])
def test_blocks_are_all_elements_in_order(array: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_ELEMENTS", 5)
    parts = list(blocks_of(array))
    assert all(part.flags.c_contiguous for part in parts)
    assert array.ndim == 0 or all(part.size <= max(5, array[:1].size) for part in parts)
    np.testing.assert_array_equal(np.concatenate([part.reshape(-1) for part in parts]), array.reshape(-1))
