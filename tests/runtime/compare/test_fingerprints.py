"""What is kept of a tensor."""

from __future__ import annotations

import numpy as np
import pytest

from rewriter.evidence.trace.tensor_search import Lookup
from rewriter.runtime.compare import fingerprints
from rewriter.runtime.compare.fingerprints import Fingerprint, fingerprint
from rewriter.runtime.inputs.feeds import Array

RNG = np.random.default_rng(3)
LARGE = RNG.standard_normal((40, 50))


def of(array: Array) -> Fingerprint:
    found = fingerprint(array)
    assert found is not None
    return found


def finds(one: Array, other: Array) -> bool:
    return Lookup([of(one)]).find(of(other)) == [0]


@pytest.mark.parametrize("array", [LARGE, LARGE[:2, :3], LARGE * 1e-6, np.where(LARGE > 1, -np.inf, LARGE)])
def test_rounding_does_not_matter(array: Array) -> None:
    assert finds(array, array * (1 + 1e-5))
    assert finds(array, array.astype(np.float32))


def test_a_reshape_is_the_same_and_a_transpose_is_not() -> None:
    assert finds(LARGE, LARGE.reshape(50, 40))
    assert not finds(LARGE, LARGE.T)


@pytest.mark.parametrize("other", [LARGE * 1.01, -LARGE, LARGE[:, :49], (LARGE > 0).astype(np.int64)])
def test_other_content_is_not_found(other: Array) -> None:
    assert not finds(LARGE, other)


def test_integers_must_be_equal() -> None:
    assert finds(np.arange(2000), np.arange(2000))
    assert not finds(np.arange(2000), np.arange(2000) + 1)
    assert finds(np.array([True, False]), np.array([1, 0]))


def test_infinity_is_infinity_however_it_is_written() -> None:
    mask = np.array([0.0, -np.inf, 0.0])
    assert finds(mask, np.array([0.0, np.finfo(np.float32).min, 0.0]))
    assert not finds(mask, np.zeros(3))


@pytest.mark.parametrize("array", [np.array(["a"]), np.zeros((0, 2)), [1.0], None])
def test_what_is_no_tensor_of_numbers_has_none(array: object) -> None:
    assert fingerprint(array) is None


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = of(LARGE)
    monkeypatch.setattr(fingerprints, "_BLOCK", 7)
    parts = of(LARGE)
    np.testing.assert_allclose(parts.sample, whole.sample)
    assert parts.scale == pytest.approx(whole.scale)
