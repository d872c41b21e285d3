"""Phrases on what was placed, and on what would place more."""

from __future__ import annotations

import pytest

from rewriter.views.coverage import WOULD_HELP, would_help
from tests.build import model

PLAIN = "g (float[2] x) => (float[2] y) { y = Relu (x) }"


@pytest.mark.parametrize("producer", ["pytorch", "onnx.quantize", ""])
def test_a_file_that_torch_may_have_written_gets_the_means_of_torch(producer: str) -> None:
    proto = model(PLAIN)
    proto.producer_name = producer
    assert would_help(proto) == WOULD_HELP


@pytest.mark.parametrize("producer", ["jax2onnx", "PaddlePaddle", "tf2onnx"])
def test_others_get_no_advice_on_torch(producer: str) -> None:
    proto = model(PLAIN)
    proto.producer_name = producer
    help_ = would_help(proto)
    assert f"as {producer} wrote it" in help_
    assert not any(word in help_ for word in ("opset", "--trace", "--reference"))


def test_nothing_gives_a_pipeline_modules() -> None:
    """Whether the producer or an operator shows it."""
    estimators = model(PLAIN)
    estimators.producer_name = "skl2onnx"
    scaled = model(PLAIN)
    scaled.graph.node[0].domain = "ai.onnx.ml"
    assert would_help(estimators) == would_help(scaled)
    assert "no modules" in would_help(scaled)
