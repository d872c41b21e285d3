"""All values of a model, looked at in slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from rewriter.errors import UsageError
from rewriter.runtime.compare.fingerprints import fingerprint
from rewriter.runtime.compare.intermediates import intermediates
from tests.build import model

X = np.random.default_rng(1).standard_normal((8, 16)).astype(np.float32)
GRAPH = """g (float[N,16] x) => (float[N,16] y) {
    a = Tanh(x)  n = NonZero(a)  b = Transpose(a)  c = Sin(b)  y = Transpose(c)
    s = SequenceConstruct(a, y)  l = SequenceLength(s) }"""
EXPECTED = {
    "a": np.tanh(X),
    "n": np.array(np.nonzero(X)),
    "b": np.tanh(X).T,
    "c": np.sin(np.tanh(X)).T,
    "y": np.sin(np.tanh(X)),
    "l": np.array(2),
}


@pytest.mark.parametrize("most_bytes", [1, 4096, 1 << 28])
def test_values_are_the_same_however_few_are_held(most_bytes: int) -> None:
    found = intermediates(model(GRAPH), None, {"x": X}, most_bytes=most_bytes)
    assert found.keys() == EXPECTED.keys()  # a sequence is no tensor
    for name, array in EXPECTED.items():
        wanted = fingerprint(array)
        assert wanted is not None
        assert found[name].shape == array.shape
        np.testing.assert_allclose(found[name].sample, wanted.sample, rtol=1e-5, atol=1e-6)


def test_external_weights_stay_where_they_are(tmp_path: Path) -> None:
    proto = model("g (float[8,16] x) => (float[8,16] y) <float[8,16] w> { y = Add(x, w) }")
    del proto.graph.initializer[:]
    proto.graph.initializer.append(onnx.numpy_helper.from_array(X, "w"))
    onnx.save(proto, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    structure = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    found = intermediates(structure, tmp_path, {"x": X})
    wanted = fingerprint(X + X)
    assert wanted is not None
    np.testing.assert_allclose(found["y"].sample, wanted.sample, rtol=1e-5)


def test_the_model_is_left_as_it_was() -> None:
    proto = model(GRAPH)
    before = proto.SerializeToString(deterministic=True)
    intermediates(proto, None, {"x": X})
    assert proto.SerializeToString(deterministic=True) == before


def test_a_model_that_does_not_run_says_why_in_one_line() -> None:
    broken = model("g (float[N,M] x) => (float[N,M] y) { y = MatMul(x, x) }")
    with pytest.raises(UsageError, match=r"does not run on the sample inputs: .*MatMul") as caught:
        intermediates(broken, None, {"x": X})
    assert "\n" not in str(caught.value)


def test_dropout_drops_nothing() -> None:
    """What a file exported in training mode drops is nowhere else to be found."""
    training = model(
        """g (float[8,16] x) => (float[8,16] y) <float r = {0.5}, bool t = {1}> {
        a = Dropout(x, r, t)  y = Sin(a) }"""
    )
    found = intermediates(training, None, {"x": X})
    wanted = fingerprint(np.sin(X))
    assert wanted is not None
    np.testing.assert_allclose(found["y"].sample, wanted.sample, rtol=1e-5, atol=1e-6)
