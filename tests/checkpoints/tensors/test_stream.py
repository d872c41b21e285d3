from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from rewriter.checkpoints.tensors.stream import pieces
from rewriter.errors import UsageError


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2", "float16"])
def test_numbers_outside_the_range_of_a_type_are_refused(dtype: str) -> None:
    array = np.array([1.0, 1e6], np.float32)
    with pytest.raises(UsageError, match=f"w: the new tensor has numbers that {dtype} does not hold"):
        list(pieces(array, (2,), np.dtype(getattr(ml_dtypes, dtype, dtype)), "w"))
