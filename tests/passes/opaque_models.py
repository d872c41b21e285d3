"""Models whose types onnx does not infer throughout, as text; `plain` is one where it does."""

from __future__ import annotations

import onnx

HEAD = '<ir_version: 9, opset_import: ["" : 17, "com.microsoft" : 1, "mine" : 1]>\n'

CASES = {
    "two modules": """g (float[2,3] x) => (float[a,b] z) <float[3] b = {1, 1, 1}> {
        ["/m.0/Gelu"] q = com.microsoft.Gelu (x)
        ["/m.0/Gelu2"] r = com.microsoft.Gelu (q)
        ["/m.1/Neg"] y = Neg (r)
        ["/m.1/BiasGelu"] z = com.microsoft.BiasGelu (y, b)
    }""",
    "nested": """g (float[2,3] x) => (float[2,3] y) {
        ["/m/a/Neg"] n = Neg (x)
        ["/m/a/Gelu"] h = com.microsoft.Gelu (n)
        ["/m/b/Abs"] i = Abs (h)
        ["/m/b/Gelu"] j = com.microsoft.Gelu (i)
        ["/m/Neg"] y = Neg (j)
    }""",
    "deeply nested": """g (float[2,3] x) => (float[2,3] y) {
        ["/m/l.0/a/p/Gelu"] h = com.microsoft.Gelu (x)
        ["/m/l.0/a/q/Abs"] i = Abs (h)
        ["/m/l.0/b/Neg"] j = Neg (i)
        ["/m/l.1/a/p/Gelu"] k = com.microsoft.Gelu (j)
        ["/m/l.1/a/q/Abs"] l = Abs (k)
        ["/m/l.1/b/Neg"] o = Neg (l)
        ["/m/head/Gelu"] p = com.microsoft.Gelu (o)
        ["/m/head/Neg"] y = Neg (p)
    }""",
    "side by side": """g (float[2,3] x) => (float[2,3] y) {
        ["/m/l.0/q/Gelu"] q = com.microsoft.Gelu (x)
        ["/m/l.0/k/Gelu"] k = com.microsoft.Gelu (x)
        ["/m/l.0/v/Gelu"] v = com.microsoft.Gelu (x)
        ["/m/l.0/Add"] a = Add (q, k)
        ["/m/l.0/o/Mul"] o = Mul (a, v)
        ["/m/l.1/q/Gelu"] q1 = com.microsoft.Gelu (o)
        ["/m/l.1/k/Gelu"] k1 = com.microsoft.Gelu (o)
        ["/m/l.1/Add"] y = Add (q1, k1)
    }""",
    "sizes alone cross": """g (float[n,3] x) => (int64[2] y) {
        ["/m/a/Gelu"] h = com.microsoft.Gelu (x)
        ["/m/b/Shape"] s = Shape (h)
        ["/m/b/Cast"] f = Cast <to = 1> (h)
        ["/m/b/Shape2"] t = Shape (f)
        ["/m/Add"] y = Add (s, t)
    }""",
    "in a branch": """g (float[2,3] x, bool c) => (float[2,3] y) {
        ["/m/a/If"] h = If (c) <
          then_branch = t () => (float[2,3] p) { ["/m/a/Gelu"] p = com.microsoft.Gelu (x) },
          else_branch = e () => (float[2,3] q) { ["/m/a/Neg"] q = Neg (x) }>
        ["/m/b/Abs"] i = Abs (h)
        ["/m/Neg"] y = Neg (i)
    }""",
    "in a function of others": """g (float[2,3] x) => (float[2,3] y) <float[2,3] h> {
        ["/m/a/call"] h = mine.outer (x)
        ["/m/b/Abs"] i = Abs (h)
        ["/m/Neg"] y = Neg (i)
    }
    <domain: "mine", opset_import: ["" : 17, "mine" : 1]> outer (x) => (y) { y = mine.inner (x) }
    <domain: "mine", opset_import: ["" : 17, "com.microsoft" : 1]>
    inner (x) => (y) { y = com.microsoft.Gelu (x) }""",
    "custom": """g (float[2,3] x) => (float[2,3] y) {
        ["/a/Secret"] h = mine.Secret (x)
        ["/b/Abs"] y = Abs (h)
    }""",
    "custom, nested": """g (float[2,3] x) => (float[2,3] y) {
        ["/m/a/Secret"] h = mine.Secret (x)
        ["/m/b/Abs"] i = Abs (h)
        ["/m/Neg"] y = Neg (i)
    }""",
    "quantised concat": """g (uint8[2,3] x, uint8[2,3] w) => (uint8[4,3] y)
    <float s = {0.5}, uint8 z = {0}, int64[2] last = {4, 3}> {
        ["/m/cat/QLinearConcat"] h = com.microsoft.QLinearConcat <axis = 0> (s, z, x, s, z, w, s, z)
        ["/m/out/Reshape"] y = Reshape (h, last)
    }""",
    "plain": """g (float[2,3] x) => (float[2,3] y) {
        ["/m/a/Neg"] n = Neg (x)
        ["/m/b/Abs"] i = Abs (n)
        ["/m/Neg"] y = Neg (i)
    }""",
}


def parsed(name: str) -> onnx.ModelProto:
    model: onnx.ModelProto = onnx.parser.parse_model(HEAD + CASES[name])
    return model
