"""Whether onnxruntime runs a kernel or the function of the model."""

from __future__ import annotations

import pytest
from onnx import ModelProto

from rewriter.runtime.child.job import Ended
from rewriter.runtime.ort.kernel_choice import runs_a_kernel
from tests.build import model


def calling(name: str, attributes: str = "") -> ModelProto:
    """A model that calls a function of com.microsoft in the branches of an If."""
    proto = model(
        f"""g (float[2] x, bool c) => (float[2] y) {{
          y = If (c) <then_branch = t () => (float[2] a) {{ a = com.microsoft.{name} {attributes} (x) }},
                      else_branch = e () => (float[2] b) {{ b = Neg (x) }}>
        }}
        <domain: "com.microsoft", opset_import: ["" : 17]> {name} (x) => (y) {{ y = Relu (x) }}"""
    )
    proto.opset_import.add(domain="com.microsoft", version=1)
    return proto


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "kernel"), [("QuickGelu", True), ("Mine", False)])
def test_nodes_in_bodies_count(name: str, kernel: bool) -> None:
    assert runs_a_kernel(calling(name), None, ("com.microsoft", name), timeout=60) is kernel


@pytest.mark.thorough
def test_an_operator_without_a_kernel_for_the_processor_ends_with_the_reason() -> None:
    ended = runs_a_kernel(
        calling("Rfft", "<signal_ndim = 1, normalized = 0, onesided = 1>"), None, ("", ""), timeout=60
    )
    assert isinstance(ended, Ended)
    assert ended.how.startswith("Could not find an implementation for Rfft")


@pytest.mark.thorough
def test_a_model_that_does_not_load_ends_with_the_fault_of_the_node() -> None:
    made = calling("QuickGelu", "<other = 1>")
    ended = runs_a_kernel(made, None, ("com.microsoft", "QuickGelu"), timeout=60)
    assert isinstance(ended, Ended)
    assert ended.how.startswith("Unrecognized attribute: other for operator QuickGelu")
