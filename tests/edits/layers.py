"""Models whose types are stated, so that no process has to infer them, and pieces for their modules."""

from __future__ import annotations

from typing import Any

import onnx
import onnx.parser

import rewriter
from rewriter import pipeline
from rewriter.cutting.check import Checking
from rewriter.cutting.extract import Extraction, Target, plan_extractions
from rewriter.edits.implants import Implanting
from tests.build import model

LAYERS = """
g (float[N, 2] x) => (float[N, 2] y)
<float[2, 2] "l.0.weight" = {1.0, 2.0, 3.0, 4.0}, float[2, 2] "l.1.weight" = {0.5, 0.0, 0.0, 2.0},
 float[N, 2] b, int64[2] size>
{
  ["/l.0/two"] two = Constant <value = float {2.0}> ()
  ["/l.0/MatMul"] a = MatMul (x, "l.0.weight")
  ["/l.0/Mul"] b = Mul (a, two)
  ["/size/Shape"] size = Shape (x)
  ["/l.1/MatMul"] c = MatMul (b, "l.1.weight")
  ["/l.1/Mul"] d = Mul (c, two)
  ["/l.1/Reshape"] y = Reshape (d, size)
}
"""
BRANCHES = """
g (float[2] x, bool c) => (float[2] y) <float[2] w = {1.0, 2.0}>
{
  ["/If"] y = If (c) <
    then_branch = t () => (float[2] o) { ["/a/Mul"] q = Mul (x, w) ["/a/Relu"] o = Relu (q) },
    else_branch = e () => (float[2] p) { ["/a/Mul"] q = Mul (x, w) ["/a/Relu"] p = Relu (q) }>
}
"""
LOOP = """
g (float[2] x, int64 n) => (float[2] y) <float[2] "blk.w" = {1.0, 2.0}, bool t = {1}>
{
  ["/loop/Loop"] y = Loop (n, t, x) <
    body = b (int64 i, bool c, float[2] s) => (bool k, float[2] r) <float[2] z> {
    ["/loop/Identity"] k = Identity (c)
    ["/loop/blk/Mul"] q = Mul (s, "blk.w")
    ["/loop/blk/Relu"] z = Relu (q)
    ["/loop/Add"] r = Add (z, x)
  }>
}
"""


def parsed(text: str, opset: int = 17, *, ir: int = 10, imports: str = "") -> onnx.ModelProto:
    """A model with other versions than those of `model`."""
    proto: onnx.ModelProto = onnx.parser.parse_model(
        f'<ir_version: {ir}, opset_import: ["" : {opset}{imports}]>\n{text}'
    )
    return proto


def implanted(whole: onnx.ModelProto, pieces: Any, **options: Any) -> Implanting:
    """The result without runs, which take a process each."""
    return rewriter.implant(whole, pieces, numbers=False, **options)


def extracted(whole: onnx.ModelProto, module: str, call: int | None = None) -> onnx.ModelProto:
    """What `extract` makes of a module, without the check, which takes a process."""
    analysis = pipeline.load(whole)
    target = Target((analysis.tree[module].path,), call)
    found = plan_extractions(analysis, [target], Checking(numbers=False)).found[target]
    assert isinstance(found, Extraction)
    return found.model


def layer(text: str, opset: int = 17, **more: Any) -> onnx.ModelProto:
    """A piece for `l.1`: reads b, writes y."""
    return parsed(f"g (float[N, 2] b) => (float[N, 2] y) {text}", opset, **more)


def operators(found: Implanting) -> list[str]:
    return [node.op_type for node in found.model.graph.node]


def whole() -> onnx.ModelProto:
    return model(LAYERS)
