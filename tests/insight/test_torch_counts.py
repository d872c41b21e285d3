"""Reasons why PyTorch counts other parameters than the file."""

from __future__ import annotations

from rewriter import pipeline
from rewriter.insight.stats import collect
from rewriter.insight.torch_counts import differences
from tests.build import model
from tests.exports import EXPORTS


def test_a_file_with_all_parameters_as_they_were_gives_no_reason() -> None:
    assert differences(pipeline.load(EXPORTS / "bert" / "ts.onnx")) == ()


def test_layers_with_a_folded_norm_are_counted() -> None:
    (reason,) = differences(pipeline.load(EXPORTS / "conv_batchnorm" / "dy.onnx"))
    assert reason == "1 layer with other parameters folded in; the file has only the results"


def test_a_parameter_in_two_initializers_is_named() -> None:
    (reason,) = differences(pipeline.load(EXPORTS / "tied_weights" / "dy.onnx"))
    assert reason == "1 parameter stored more than once (lm_head.weight)"


def test_a_shared_tensor_counts_once_in_the_groups() -> None:
    text = """g (float[2] x) => (float[2] y) <float[2] "a.bias" = {1,2}> {
      ["/a/Add"] z = Add(x, "a.bias")
      "b.bias" = Identity("a.bias")
      ["/b/Add"] y = Add(z, "b.bias")
    }"""
    patterns = collect(pipeline.load(model(text))).patterns
    assert [(each.name, each.count, each.shared) for each in patterns] == [("a.bias", 2, 0), ("b.bias", 0, 1)]
