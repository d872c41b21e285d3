from __future__ import annotations

import numpy as np
import onnx
from onnx import ModelProto, numpy_helper

from rewriter.runtime.child.job import Ended
from rewriter.runtime.infer.opset_conversion import convert
from tests.edits.layers import parsed


def test_large_weights_are_kept() -> None:
    nodes = "{ a = MatMul (x, w) y = ReduceSum <axes = [1], keepdims = 0> (a) }"
    source = parsed(f"g (float[1, 64] x) => (float[1] y) {nodes}", 11)
    weight = numpy_helper.from_array(np.eye(64, dtype=np.float32), "w")
    source.graph.initializer.append(weight)
    made = convert(source, 17, timeout=60)
    assert isinstance(made, ModelProto)
    assert made.graph.initializer == source.graph.initializer
    onnx.checker.check_model(made)


def test_functions_would_be_lost() -> None:
    source = parsed(
        'g (float[2] x) => (float[2] y) { y = f.F (x) } <domain: "f", opset_import: ["" : 11]> F (x) => (y) '
        "{ y = Relu (x) }",
        11,
        imports=', "f" : 1',
    )
    found = convert(source, 17, timeout=60)
    assert isinstance(found, Ended)
    assert "flatten" in found.how
