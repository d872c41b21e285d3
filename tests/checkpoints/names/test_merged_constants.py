"""A tensor that a constant of the program was merged into gets no new weights."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import rewriter
from rewriter.checkpoints.refit import Unresolved
from rewriter.evidence.metadata.dynamo import FX_NODE, GRAPH_SIGNATURE
from rewriter.model.tensors import Array
from tests.checkpoints.models import drawn, model, node

ONES = np.ones(4, np.float32)


def scaled_twice(weight: Array, second: str = "/b/Mul") -> onnx.ModelProto:
    """Make a model whose second node reads `a.weight` in place of a constant, or as a second call."""
    nodes = [
        node("Mul", "/a/Mul", ["x", "a.weight"], "/a/Mul_output_0"),
        node("Mul", second, ["/a/Mul_output_0", "a.weight"], "y"),
    ]
    return model(nodes, {"a.weight": weight})


def by_dynamo(second: str) -> onnx.ModelProto:
    """Record torch's operators on the nodes, the second one with some arguments."""
    made = scaled_twice(ONES)
    parts = ((FX_NODE, "mul(%x, %p_a_weight)"), (FX_NODE, f"mul(%mul, {second})"))
    for each, (key, value) in zip(made.graph.node, parts, strict=True):
        each.metadata_props.add(key=key, value=value)
    text = "# inputs\np_a_weight: PARAMETER target='a.weight'\n"
    made.graph.metadata_props.add(key=GRAPH_SIGNATURE, value=text)
    return made


@pytest.mark.parametrize("source", [scaled_twice(ONES), by_dynamo("%ones")])
def test_a_constant_may_have_been_merged_into_a_parameter(source: onnx.ModelProto) -> None:
    with pytest.raises(Unresolved, match=r"a.weight: it may also stand for something .*, which /b/Mul reads"):
        rewriter.refit(source, {"a.weight": drawn(4)})
    assert rewriter.refit(source, {"a.weight": ONES}).model


@pytest.mark.parametrize(
    "source", [scaled_twice(drawn(4)), scaled_twice(ONES, "/a/Mul_1"), by_dynamo("%p_a_weight")]
)
def test_a_parameter_that_is_read_twice_is_no_constant(source: onnx.ModelProto) -> None:
    assert len(rewriter.refit(source, {"a.weight": drawn(4, seed=1)}).plan.fitted) == 1
