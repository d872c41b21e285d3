"""Small models with modules in bodies, and how to run a model without optimisations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import parser

HEAD = '<ir_version: 10, opset_import: ["" : 21]>\n'
LOOP = """g (float[2] x, int64 n, bool k) => (float[2] y) {
  ["/loop/Loop"] y = Loop(n, k, x) <body = b (int64 i, bool go, float[2] s) => (bool on, float[2] t) {
    ["/loop/cond/Identity"] on = Identity(go)
    ["/loop/a/Add"] u = Add(s, s)
    ["/loop/b/Exp"] t = Neg(u) }> }"""
BRANCHES = """g (float[2] x, bool c) => (float[2] y) {
  ["/if/If"] y = If(c) <
    then_branch = t () => (float[2] p) { ["/if/a/Abs"] q = Abs(x) ["/if/b/Neg"] p = Neg(q) },
    else_branch = e () => (float[2] r) { ["/if/d/Sqrt"] r = Sqrt(x) }> }"""
SCAN = """g (float[N,2] x, float[2] s0) => (float[2] s, float[N,2] ys) {
  ["/scan/Scan"] s, ys = Scan <num_scan_inputs = 1,
    body = b (float[2] s_in, float[2] each) => (float[2] s_out, float[2] o) {
      ["/scan/a/Add"] s_out = Add(s_in, each) ["/scan/b/Neg"] q = Neg(s_out) ["/scan/c/Abs"] o = Abs(q) }
  >(s0, x) }"""
IN_LOOP = """g (float[2] x, int64 n, bool k) => (float[2] y) {
  ["/loop/Loop"] y = Loop(n, k, x) <body = b (int64 i, bool go, float[2] s) => (bool on, float[2] t) {
    ["/loop/cond/Identity"] on = Identity(go)
    ["/loop/if/If"] t = If(on) <
      then_branch = th () => (float[2] p) { ["/loop/if/a/Abs"] q = Abs(s) ["/loop/if/b/Neg"] p = Neg(q) },
      else_branch = e () => (float[2] r) { ["/loop/if/d/Sin"] r = Sin(s) }> }> }"""
HEADS = """g (float[2] x, float[2] extra) => (float[2] y, float[2] z)
  <float[2] w = {1, 2}, float[2] shared = {3, 4}> {
  ["/body/Relu"] a = Relu(x)
  ["/body/Add"] y = Add(a, shared)
  ["/pre/Mul"] m = Mul(y, w)
  ["/head/Add"] h = Add(m, extra)
  ["/head/Mul"] z = Mul(h, shared) }"""
ONES = np.ones(2, np.float32)


def model(text: str) -> onnx.ModelProto:
    return parser.parse_model(HEAD + text)


def run(proto: onnx.ModelProto, **feeds: Any) -> Mapping[str, Any]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    given = {name: np.asarray(value) for name, value in feeds.items()}
    return dict(zip([each.name for each in session.get_outputs()], session.run(None, given), strict=True))
