"""Pairs of models as ONNX text: those that compute the same, and those that do not (or may not)."""

from __future__ import annotations

import onnx
from onnx import parser

HEADER = '<ir_version: 10, opset_import: ["" : 21, "m" : 1, "custom" : 1, "com.microsoft" : 1]>\n'
OPSETS = 'opset_import: ["" : 21, "m" : 1, "custom" : 1]'


def model(text: str) -> onnx.ModelProto:
    """The model of a text; a text that begins with '<' brings a header of its own."""
    return parser.parse_model(text if text.lstrip().startswith("<") else HEADER + text)


def unary(body: str, functions: str = "", more: str = "") -> str:
    """A model of `x` and the scalar bool `c` that yields `y`; `f` in `functions` stands for a full header."""
    return f"g (float[2] x, bool c{more}) => (float[2] y) {{ {body} }}" + functions.replace(
        "def ", f'\n<domain: "m", {OPSETS}>\n'
    )


def loop(body: str, before: str = "", name: str = "i") -> str:
    """Three rounds over `s`, which starts as `x`; `body` computes `t` from it."""
    return unary(
        f"{before} n = Constant<value_int = 3>() k = Constant<value = bool {{1}}>() "
        f"y = Loop(n, k, x) <body = b (int64 {name}, bool go, float[2] s) => (bool on, float[2] t) "
        f"{{ on = Identity(go) {body} }}>"
    )


def branches(then: str, other: str = "q = Neg(x)", before: str = "") -> str:
    """An If on `c` whose branches compute `p` and `q`."""
    return unary(
        f"{before} y = If(c) <then_branch = t () => (float[2] p) {{ {then} }}, "
        f"else_branch = e () => (float[2] q) {{ {other} }}>"
    )


CAPTURES = (
    "y = If(c) <then_branch = t () => (float[2] p) { p = Neg(b) }, "
    "else_branch = e () => (float[2] q) { q = Neg(x) }>"
)
"""A node with a branch that reads `b` of the graph around."""


CALLS = (
    "a = Exp(x) t = Identity(a) u = m.f<body = b () => (float[2] p) { p = Cast<to = 1>(a) }>(x, c) "
    "v = m.f<body = b () => (float[2] p) { p = Cast<to = 1>(t) }>(x, c) y = Sub(u, v)"
)
PASSED = (
    "def f <body> (i, c) => (o) { t = Sin(i) k = If(c) <then_branch: graph = @body, "
    "else_branch = e () => (float[2] q) { q = Neg(i) }> o = Add(k, t) }"
)
"""A function with a value `t` that runs a graph of its caller."""


EQUAL: dict[str, tuple[str, str]] = {
    "renamed values and nodes": (
        unary("[n1] a = Neg(x) [n2] y = Exp(a)"),
        unary("[other] b = Neg(x) y = Exp(b)"),
    ),
    "renamed initializers": (
        "g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }",
        "h (float[2] x) => (float[2] y) <float[2] v = {1, 2}> { y = Add(x, v) }",
    ),
    "reordered independent nodes": (
        unary("a = Neg(x) b = Exp(x) y = Sub(a, b)"),
        unary("b = Exp(x) a = Neg(x) y = Sub(a, b)"),
    ),
    "nodes not sorted": (
        unary("y = Sub(a, b) b = Exp(a) a = Neg(x)"),
        unary("a = Neg(x) b = Exp(a) y = Sub(a, b)"),
    ),
    "nodes of a body not sorted": (
        branches("p = Exp(a) a = Neg(b)", before="b = Abs(x)"),
        branches("a = Neg(b) p = Exp(a)", before="b = Abs(x)"),
    ),
    "owner of a body that captures a later value": (
        f"g (float[2] x, bool c) => (float[2] y) {{ {CAPTURES} b = Abs(x) }}",
        f"g (float[2] x, bool c) => (float[2] y) {{ b = Abs(x) {CAPTURES} }}",
    ),
    "nodes not sorted, and a name that is that of the owner's result": (
        branches("p = Exp(y) y = Neg(x)"),
        branches("y = Neg(x) p = Exp(y)"),
    ),
    "identity inserted": (
        unary("a = Neg(x) y = Exp(a)"),
        unary("i = Identity(x) a = Neg(i) j = Identity(a) z = Exp(j) y = Identity(z)"),
    ),
    "output is the input": (unary("y = Identity(x)"), unary("a = Identity(x) y = Identity(a)")),
    "node copied": (
        unary("a = Neg(x) b = Exp(a) d = Log(a) y = Sub(b, d)"),
        unary("a = Neg(x) e = Neg(x) b = Exp(a) d = Log(e) y = Sub(b, d)"),
    ),
    "unused node": (unary("y = Neg(x)"), unary("u = Exp(x) y = Neg(x)")),
    "unused function": (unary("y = Neg(x)"), unary("y = Neg(x)", "def f (a) => (b) { b = Exp(a) }")),
    "constant and initializer": (
        unary("w = Constant<value = float[2] {1, 2}>() y = Add(x, w)"),
        "g (float[2] x, bool c) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }",
    ),
    "value_float": (
        unary("w = Constant<value = float {1.5}>() y = Add(x, w)"),
        unary("w = Constant<value_float = 1.5>() y = Add(x, w)"),
    ),
    "value_floats": (
        unary("w = Constant<value = float[2] {1.5, -0.0}>() y = Add(x, w)"),
        unary("w = Constant<value_floats = [1.5, -0.0]>() y = Add(x, w)"),
    ),
    "value_ints": (
        unary("w = Constant<value = int64[1] {2}>() y = Reshape(x, w)"),
        unary("w = Constant<value_ints = [2]>() y = Reshape(x, w)"),
    ),
    "value_string": (
        'g () => (string y) { y = Constant<value = string {"a"}>() }',
        'g () => (string y) { y = Constant<value_string = "a">() }',
    ),
    "attributes in another order": (
        unary("y = Gemm<alpha = 2.0, beta = 3.0>(x, x, x)"),
        unary("y = Gemm<beta = 3.0, alpha = 2.0>(x, x, x)"),
    ),
    "optional inputs left out at the end": (unary("y = Clip(x)"), unary('y = Clip(x, "", "")')),
    "both names of the standard domain": (
        unary("a = Constant<value_float = 2.0>() b = Identity(x) d = Neg(b) y = Mul(d, a)"),
        unary("a = ai.onnx.Constant<value_float = 2.0>() d = ai.onnx.Neg(x) y = ai.onnx.Mul(d, a)"),
    ),
    "function called and inlined": (
        unary("y = m.f(x)", "def f (a) => (b) { z = Neg(a) b = Exp(z) }"),
        unary("a = Neg(x) y = Exp(a)"),
    ),
    "function of functions": (
        unary("y = m.f(x)", "def g (a) => (b) { b = Neg(a) } def f (a) => (b) { z = m.g(a) b = m.g(z) }"),
        unary("a = Neg(x) y = Neg(a)"),
    ),
    "function attribute": (
        unary("y = m.f<s = 2.0>(x)", "def f <s> (a) => (b) { b = LeakyRelu<alpha: float = @s>(a) }"),
        unary("y = LeakyRelu<alpha = 2.0>(x)"),
    ),
    "function attribute left out": (
        unary("y = m.f(x)", "def f <s> (a) => (b) { b = LeakyRelu<alpha: float = @s>(a) }"),
        unary("y = LeakyRelu(x)"),
    ),
    "function attribute default": (
        unary("y = m.f(x)", "def f <s: float = 2.0> (a) => (b) { b = LeakyRelu<alpha: float = @s>(a) }"),
        unary("y = LeakyRelu<alpha = 2.0>(x)"),
    ),
    "function attribute default overridden": (
        unary(
            "y = m.f<s = 3.0>(x)", "def f <s: float = 2.0> (a) => (b) { b = LeakyRelu<alpha: float = @s>(a) }"
        ),
        unary("y = LeakyRelu<alpha = 3.0>(x)"),
    ),
    "function attribute passed on": (
        unary(
            "y = m.f<s = 3.0>(x)",
            "def g <r> (a) => (b) { b = LeakyRelu<alpha: float = @r>(a) }"
            "def f <s> (a) => (b) { b = m.g<r: float = @s>(a) }",
        ),
        unary("y = LeakyRelu<alpha = 3.0>(x)"),
    ),
    "constant of a function attribute": (
        unary(
            "y = m.f<s = 3.0>(x)",
            "def f <s> (a) => (b) { k = Constant<value_float: float = @s>() b = Mul(a, k) }",
        ),
        unary("k = Constant<value_float = 3.0>() y = Mul(x, k)"),
    ),
    "graph in a function": (
        unary(
            "y = m.f(c, x)",
            "def f (d, a) => (b) { b = If(d) <then_branch = t () => (float[2] p) { p = Neg(a) }, "
            "else_branch = e () => (float[2] q) { q = Exp(a) }> }",
        ),
        branches("p = Neg(x)", "q = Exp(x)"),
    ),
    "graph in a function attribute": (
        unary(
            "z = Abs(x) y = m.f<s = t () => (float[2] p) { p = Neg(z) }>(c, x)",
            "def f <s> (d, a) => (b) { b = If(d) <then_branch: graph = @s, "
            "else_branch = e () => (float[2] q) { q = Exp(a) }> }",
        ),
        branches("p = Neg(z)", "q = Exp(x)", before="z = Abs(x)"),
    ),
    "formal input left out": (
        unary("y = m.f(x)", "def f (a, low) => (b) { b = Clip(a, low) }"),
        unary("y = Clip(x)"),
    ),
    "function output not read": (
        unary("y, unread = m.f(x)", "def f (a) => (b, e) { b = Neg(a) e = Exp(a) }"),
        unary("y = Neg(x)"),
    ),
    "renamed inside a body": (loop("t = Neg(s)"), loop("u = Identity(s) t = Neg(u)", name="j")),
    "call inside a body": (
        loop("t = Neg(s)"),
        loop("t = m.f(s)") + f'\n<domain: "m", {OPSETS}> f (a) => (b) {{ b = Neg(a) }}',
    ),
    "invariant moved out of a loop": (loop("u = Exp(x) t = Mul(s, u)"), loop("t = Mul(s, u)", "u = Exp(x)")),
    "body input shadows an outer value": (
        loop("t = Neg(s)", "u = Exp(x)", "i"),
        loop("t = Neg(s)", "u = Exp(x)", "u"),
    ),
    "branches renamed": (branches("p = Abs(x)"), branches("a = Identity(x) p = Abs(a)")),
    "random nodes in the same order": (
        unary("r = RandomNormalLike(x) s = RandomNormalLike(x) y = Sub(r, s)"),
        unary("v = RandomNormalLike(x) w = RandomNormalLike(x) y = Sub(v, w)"),
    ),
    "function that draws, inlined": (
        unary("r = m.f(x) s = m.f(x) y = Sub(r, s)", "def f (a) => (b) { b = RandomNormalLike(a) }"),
        unary("r = RandomNormalLike(x) s = RandomNormalLike(x) y = Sub(r, s)"),
    ),
    "newer opset, same operators": (
        '<ir_version: 8, opset_import: ["" : 14]> g (float[2] x) => (float[2] y) { y = Relu(x) }',
        '<ir_version: 10, opset_import: ["" : 18]> g (float[2] x) => (float[2] y) { y = Relu(x) }',
    ),
}

DIFFERENT: dict[str, tuple[str, str]] = {
    "swapped inputs": (unary("a = Neg(x) y = Sub(x, a)"), unary("a = Neg(x) y = Sub(a, x)")),
    "other operator": (unary("y = Neg(x)"), unary("y = Abs(x)")),
    "other domain": (unary("y = Neg(x)"), unary("y = custom.Neg(x)")),
    "int attribute": (unary("y = Softmax<axis = 0>(x)"), unary("y = Softmax<axis = -1>(x)")),
    "float attribute": (unary("y = LeakyRelu<alpha = 0.1>(x)"), unary("y = LeakyRelu<alpha = 0.2>(x)")),
    "string attribute": (
        unary('y = Gelu<approximate = "none">(x)'),
        unary('y = Gelu<approximate = "tanh">(x)'),
    ),
    "ints attribute": (unary("y = Transpose<perm = [0, 1]>(x)"), unary("y = Transpose<perm = [1, 0]>(x)")),
    "tensor attribute": (
        unary("z = Shape(x) y = ConstantOfShape<value = float[1] {1}>(z)"),
        unary("z = Shape(x) y = ConstantOfShape<value = float[1] {2}>(z)"),
    ),
    "graph attribute": (branches("p = Abs(x)"), branches("p = Exp(x)")),
    "branches exchanged": (branches("p = Abs(x)", "q = Neg(x)"), branches("p = Neg(x)", "q = Abs(x)")),
    "attribute dropped": (unary("y = Softmax<axis = 0>(x)"), unary("y = Softmax(x)")),
    "attribute under another name": (
        unary("y = Gemm<alpha = 2.0>(x, x)"),
        unary("y = Gemm<beta = 2.0>(x, x)"),
    ),
    "constant": (
        unary("w = Constant<value = float[2] {1, 2}>() y = Add(x, w)"),
        unary("w = Constant<value = float[2] {1, 3}>() y = Add(x, w)"),
    ),
    "sign of zero": (
        unary("w = Constant<value_float = 0.0>() y = Div(x, w)"),
        unary("w = Constant<value_float = -0.0>() y = Div(x, w)"),
    ),
    "shape of a constant": (
        unary("w = Constant<value = float[1] {1}>() y = Add(x, w)"),
        unary("w = Constant<value = float[1, 1] {1}>() y = Add(x, w)"),
    ),
    "type of a constant": (
        unary("w = Constant<value = int64[1] {1}>() d = Cast<to = 1>(w) y = Add(x, d)"),
        unary("w = Constant<value = int32[1] {1}>() d = Cast<to = 1>(w) y = Add(x, d)"),
    ),
    "int and float of one value": (
        unary("w = Constant<value_int = 1>() y = CastLike(w, x)"),
        unary("w = Constant<value_float = 1.0>() y = CastLike(w, x)"),
    ),
    "rewired edge": (
        unary("a = Neg(x) b = Exp(a) y = Add(a, b)"),
        unary("a = Neg(x) b = Exp(a) y = Add(b, b)"),
    ),
    "dropped node": (unary("a = Neg(x) y = Exp(a)"), unary("y = Exp(x)")),
    "doubled node": (unary("a = Neg(x) y = Exp(a)"), unary("a = Neg(x) b = Neg(a) y = Exp(b)")),
    "random node doubled": (
        unary("r = RandomNormalLike(x) y = Sub(r, r)"),
        unary("r = RandomNormalLike(x) s = RandomNormalLike(x) y = Sub(r, s)"),
    ),
    "random node exchanged": (
        unary("r = RandomNormalLike(x) s = RandomNormalLike(x) y = Sub(r, s)"),
        unary("r = RandomNormalLike(x) s = RandomNormalLike(x) y = Sub(s, r)"),
    ),
    "function that draws, called once more": (
        unary("r = m.f(x) y = Sub(r, r)", "def f (a) => (b) { b = RandomNormalLike(a) }"),
        unary("r = m.f(x) s = m.f(x) y = Sub(r, s)", "def f (a) => (b) { b = RandomNormalLike(a) }"),
    ),
    "drawn in every round, then once": (
        loop("r = RandomNormalLike(x) t = Add(s, r)"),
        loop("t = Add(s, r)", "r = RandomNormalLike(x)"),
    ),
    "drawn in a function in every round, then once": (
        loop("r = m.f(x) t = Add(s, r)")
        + f'\n<domain: "m", {OPSETS}> f (a) => (b) {{ b = RandomNormalLike(a) }}',
        loop("t = Add(s, r)", "r = m.f(x)")
        + f'\n<domain: "m", {OPSETS}> f (a) => (b) {{ b = RandomNormalLike(a) }}',
    ),
    "dropout that trains, doubled": (
        unary("h = Constant<value_float = 0.5>() a = Dropout(x, h, c) y = Sub(a, a)"),
        unary("h = Constant<value_float = 0.5>() a = Dropout(x, h, c) b = Dropout(x, h, c) y = Sub(a, b)"),
    ),
    "old dropout that trains, doubled": (
        '<ir_version: 3, opset_import: ["" : 6]> g (float[2] x) => (float[2] y) '
        "{ a = Dropout(x) y = Sub(a, a) }",
        '<ir_version: 3, opset_import: ["" : 6]> g (float[2] x) => (float[2] y) '
        "{ a = Dropout(x) b = Dropout(x) y = Sub(a, b) }",
    ),
    "custom node doubled": (
        unary("a = custom.Count(x) y = Sub(a, a)"),
        unary("a = custom.Count(x) b = custom.Count(x) y = Sub(a, b)"),
    ),
    "unknown standard node doubled": (
        unary("a = Tomorrow(x) y = Sub(a, a)"),
        unary("a = Tomorrow(x) b = Tomorrow(x) y = Sub(a, b)"),
    ),
    "unread custom node dropped": (unary("a = custom.Log(x) y = Neg(x)"), unary("y = Neg(x)")),
    "custom node moved to the other branch": (
        branches("l = custom.Log(x) p = Abs(x)"),
        branches("p = Abs(x)", "l = custom.Log(x) q = Neg(x)"),
    ),
    "captured value": (
        branches("p = Abs(a)", before="a = Exp(x) b = Sin(x)"),
        branches("p = Abs(b)", before="a = Exp(x) b = Sin(x)"),
    ),
    "captured value of a loop": (loop("t = Add(s, a)", "a = Exp(x)"), loop("t = Add(s, x)", "a = Exp(x)")),
    "body input for an outer value": (loop("t = Add(s, s)"), loop("t = Add(s, x)")),
    "captured value of a scan": tuple(  # type: ignore[dict-item]
        unary(
            "z = Exp(x) y = Scan<num_scan_inputs = 1, body = b (float e) => (float h) "
            f"{{ v = ReduceSum<keepdims = 0>({captured}) h = Add(e, v) }}>(x)"
        )
        for captured in "xz"
    ),
    "loop state exchanged": tuple(  # type: ignore[dict-item]
        unary(
            "n = Constant<value_int = 3>() k = Constant<value = bool {1}>() z = Exp(x) "
            "y, u = Loop(n, k, x, z) <body = b (int64 i, bool go, float[2] p, float[2] q) => "
            f"(bool on, float[2] {first}, float[2] {second}) "
            "{ on = Identity(go) r = Neg(p) s = Abs(q) }>"
        )
        for first, second in ("rs", "sr")
    ),
    "shadowed name": (
        branches("p = Abs(z)", before="z = Exp(x)"),
        branches("z = Sin(x) p = Abs(z)", before="z = Exp(x)"),
    ),
    "inner and outer loop variable": tuple(  # type: ignore[dict-item]
        loop(
            "a = Loop(n, k, s) <body = d (int64 j, bool h, float[2] v) => (bool o, float[2] w) "
            f"{{ o = Identity(h) f = Cast<to = 1>({variable}) w = Add(v, f) }}> t = Identity(a)"
        )
        for variable in "ij"
    ),
    "default of an input": (
        "g (float[2] x, float[2] w = {1, 2}) => (float[2] y) { y = Add(x, w) }",
        "g (float[2] x, float[2] w = {1, 3}) => (float[2] y) { y = Add(x, w) }",
    ),
    "default of an unread input dropped": (
        "g (float[2] x, float[2] w = {1, 2}) => (float[2] y) { y = Neg(x) }",
        "g (float[2] x, float[2] w) => (float[2] y) { y = Neg(x) }",
    ),
    "constant becomes an input with that default": (
        "g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }",
        "g (float[2] x, float[2] w = {1, 2}) => (float[2] y) { y = Add(x, w) }",
    ),
    "input renamed": (
        "g (float[2] x) => (float[2] y) { y = Neg(x) }",
        "g (float[2] z) => (float[2] y) { y = Neg(z) }",
    ),
    "input type": (
        "g (float[2] x) => (float[2] y) { y = Neg(x) }",
        "g (double[2] x) => (float[2] y) { y = Neg(x) }",
    ),
    "output order": (
        "g (float[2] x) => (float[2] y, float[2] z) { y = Neg(x) z = Exp(x) }",
        "g (float[2] x) => (float[2] z, float[2] y) { y = Neg(x) z = Exp(x) }",
    ),
    "outputs exchanged": (
        "g (float[2] x) => (float[2] y, float[2] z) { y = Neg(x) z = Exp(x) }",
        "g (float[2] x) => (float[2] y, float[2] z) { z = Neg(x) y = Exp(x) }",
    ),
    "output type": (
        "g (float[2] x) => (float[2] y) { y = Neg(x) }",
        "g (float[2] x) => (float[n] y) { y = Neg(x) }",
    ),
    "output dropped": (
        "g (float[2] x) => (float[2] y, float[2] z) { y = Neg(x) z = Exp(x) }",
        "g (float[2] x) => (float[2] y) { y = Neg(x) z = Exp(x) }",
    ),
    "other output of a node": (
        "g (float[4] x) => (float[2] y) { y, z = Split<num_outputs = 2>(x) }",
        "g (float[4] x) => (float[2] y) { z, y = Split<num_outputs = 2>(x) }",
    ),
    "fewer outputs of a node": (
        "g (float[4] x) => (float[n] y) { y, z = Split(x) }",
        "g (float[4] x) => (float[n] y) { y, z, u = Split(x) }",
    ),
    "optional input in the middle": (
        unary("h = Constant<value_float = 1.0>() y = Clip(x, h)"),
        unary('h = Constant<value_float = 1.0>() y = Clip(x, "", h)'),
    ),
    "opset with another meaning": (
        '<ir_version: 8, opset_import: ["" : 11]> g (float[2, 2, 2] x) => (float[2, 2, 2] y) '
        "{ y = Softmax<axis = 1>(x) }",
        '<ir_version: 8, opset_import: ["" : 13]> g (float[2, 2, 2] x) => (float[2, 2, 2] y) '
        "{ y = Softmax<axis = 1>(x) }",
    ),
    "opset of a function with another meaning": tuple(  # type: ignore[dict-item]
        '<ir_version: 9, opset_import: ["" : 13, "m" : 1]> '
        "g (float[2, 2, 2] x) => (float[2, 2, 2] y) { y = m.f(x) } "
        f'<domain: "m", opset_import: ["" : {version}]> f (a) => (b) {{ b = Softmax<axis = 1>(a) }}'
        for version in (11, 13)
    ),
    "opset of a function, inlined": (
        '<ir_version: 9, opset_import: ["" : 13, "m" : 1]> '
        "g (float[2, 2, 2] x) => (float[2, 2, 2] y) { y = m.f(x) } "
        '<domain: "m", opset_import: ["" : 11]> f (a) => (b) { b = Softmax<axis = 1>(a) }',
        '<ir_version: 9, opset_import: ["" : 11, "m" : 1]> '
        "g (float[2, 2, 2] x) => (float[2, 2, 2] y) { y = Softmax<axis = 1>(x) }",
    ),
    "body of a function": (
        unary("y = m.f(x)", "def f (a) => (b) { b = Neg(a) }"),
        unary("y = m.f(x)", "def f (a) => (b) { b = Abs(a) }"),
    ),
    "formals exchanged": (
        unary("z = Exp(x) y = m.f(x, z)", "def f (a, d) => (b) { b = Sub(a, d) }"),
        unary("z = Exp(x) y = m.f(x, z)", "def f (d, a) => (b) { b = Sub(a, d) }"),
    ),
    "attribute of a call": (
        unary("y = m.f<s = 2.0>(x)", "def f <s> (a) => (b) { b = LeakyRelu<alpha: float = @s>(a) }"),
        unary("y = m.f<s = 3.0>(x)", "def f <s> (a) => (b) { b = LeakyRelu<alpha: float = @s>(a) }"),
    ),
    "default of a function": (
        unary("y = m.f(x)", "def f <s: float = 2.0> (a) => (b) { b = LeakyRelu<alpha: float = @s>(a) }"),
        unary("y = m.f(x)", "def f <s: float = 3.0> (a) => (b) { b = LeakyRelu<alpha: float = @s>(a) }"),
    ),
    "attribute of the second call": (
        unary(
            "z = m.f<s = 2.0>(x) y = m.f<s = 2.0>(z)",
            "def f <s> (a) => (b) { b = LeakyRelu<alpha: float = @s>(a) }",
        ),
        unary(
            "z = m.f<s = 2.0>(x) y = m.f<s = 3.0>(z)",
            "def f <s> (a) => (b) { b = LeakyRelu<alpha: float = @s>(a) }",
        ),
    ),
    "function that bears the name of an operator": (
        unary("y = Relu(x)")
        + '\n<domain: "ai.onnx", opset_import: ["" : 21]> Relu (a) => (b) { b = Neg(a) }',
        unary("y = Neg(x)"),
    ),
    "function that bears the name of an operator, dropped": (
        unary("y = Relu(x)")
        + '\n<domain: "ai.onnx", opset_import: ["" : 21]> Relu (a) => (b) { b = Neg(a) }',
        unary("y = Relu(x)"),
    ),
    "function that bears the name of onnxruntime's operator": (
        unary("y = com.microsoft.Gelu(x)")
        + '\n<domain: "com.microsoft", opset_import: ["" : 21]> Gelu (a) => (b) { b = Neg(a) }',
        unary("y = Neg(x)"),
    ),
    "operator set that the model does not import, and a function does": (
        '<ir_version: 10, opset_import: ["m" : 1]> g (float[2,2,2] x) => (float[2,2,2] y) { y = m.f(x) }'
        '\n<domain: "m", opset_import: ["" : 12]> f (i) => (o) { o = Softmax(i) }',
        '<ir_version: 10, opset_import: ["" : 12, "m" : 1]> '
        "g (float[2,2,2] x) => (float[2,2,2] y) { y = m.f(x) }"
        '\n<domain: "m", opset_import: ["" : 12]> f (i) => (o) { o = Softmax(i) }',
    ),
    "equal draws that change places when sorted": (
        unary("y = Sub(b, a) a = custom.Counter(x) b = custom.Counter(x)"),
        unary("b = custom.Counter(x) a = custom.Counter(x) y = Sub(b, a)"),
    ),
    "loop variable of a graph in a function attribute": (
        unary(
            "n = Constant<value_int = 3>() k = Constant<value = bool {1}>() "
            "y = m.f<s = d (int64 j, bool h, float[2] v) => (bool o, float[2] w) "
            "{ o = Identity(k) e = Cast<to = 1>(j) w = Mul(x, e) }>(x, n, k)",
            "def f <s> (a, n, l) => (b) { b = Loop(n, l, a) <body = r (int64 i, bool go, float[2] u) => "
            "(bool on, float[2] t) { on = Identity(go) t = Loop<body: graph = @s>(n, l, u) }> }",
        ),
        loop(
            "t = Loop(n, k, s) <body = d (int64 j, bool h, float[2] v) => (bool o, float[2] w) "
            "{ o = Identity(k) e = Cast<to = 1>(i) w = Mul(x, e) }>"
        ),
    ),
}

UNPROVABLE: dict[str, tuple[str, str]] = {
    "undefined value": (unary("y = Neg(nowhere)"), "'nowhere' is read before"),
    "undefined output": ("g (float[2] x) => (float[2] y) { z = Neg(x) }", "'y' is read before"),
    "cycle": (unary("y = Exp(a) a = Neg(y)"), "feed each other"),
    "graph that a second call passes to a function with a value of its name": (
        unary(CALLS, PASSED),
        "the function has a 't'",
    ),
    "nodes of a function not sorted": (
        unary("h = Sin(x) u = m.f(x) y = Add(u, h)", "def f (a) => (b) { b = Exp(h) h = Neg(a) }"),
        "nodes of a function are not sorted",
    ),
    "nodes of a body in a function not sorted": (
        unary(
            "u = m.f(x, c) y = Neg(u)",
            "def f (a, k) => (b) { b = If(k) <then_branch = t () => (float[2] p) { p = Exp(h) h = Neg(a) }, "
            "else_branch = e () => (float[2] q) { q = Neg(a) }> }",
        ),
        "nodes of a function are not sorted",
    ),
    "nodes not sorted, and a name that the graph around has, too": (
        branches("p = Exp(a) a = Neg(x)", before="a = Abs(x)"),
        "two meanings",
    ),
    "nodes not sorted, and a name that the graph around writes later": (
        branches("p = Exp(a) a = Neg(x)", before="b = Sin(a) a = Abs(x)"),
        "two meanings",
    ),
    "nodes not sorted, and a body that reads another name of the graph first": (
        branches("p = Exp(z) z = Neg(x)", before="z = Abs(x)"),
        "two meanings",
    ),
    "recursion": (unary("y = m.f(x)", "def f (a) => (b) { b = m.f(a) }"), "calls itself"),
    "recursion through a second function": (
        unary("y = m.f(x)", "def f (a) => (b) { b = m.g(a) } def g (a) => (b) { b = m.f(a) }"),
        "calls itself",
    ),
    "function that captures": (
        unary("z = Exp(x) y = m.f(x)", "def f (a) => (b) { b = Add(a, z) }"),
        "'z' is read before",
    ),
    "value written twice": (unary("a = Neg(x) b = Exp(a) a = Abs(x) y = Add(a, b)"), "two meanings"),
    "input written": (unary("x = Neg(x) y = Exp(x)"), "two meanings"),
    "captured name written later": (branches("p = Abs(z) z = Sin(x)", before="z = Exp(x)"), "two meanings"),
    "captured in a body inside, written later": (
        loop(
            "t = If(go) <then_branch = d () => (float[2] v) { v = Add(s, z) }, "
            "else_branch = e () => (float[2] w) { w = Neg(s) }> z = Sin(x)",
            "z = Exp(x)",
        ),
        "two meanings",
    ),
    "two functions of one name": (
        unary("y = m.f(x)", "def f (a) => (b) { b = Neg(a) } def f (a) => (b) { b = Abs(a) }"),
        "two functions",
    ),
    "more inputs than the function has": (
        unary("y = m.f(x, x)", "def f (a) => (b) { b = Neg(a) }"),
        "more inputs",
    ),
    "more outputs than the function has": (
        unary("z, y = m.f(x)", "def f (a) => (b) { b = Neg(a) }"),
        "'y' is read before",
    ),
    "two versions of an operator set": (
        '<ir_version: 8, opset_import: ["" : 11, "ai.onnx" : 13]> '
        "g (float[2] x) => (float[2] y) { y = Softmax(x) }",
        "two versions",
    ),
    "reference to an attribute outside of a function": (
        unary("y = LeakyRelu<alpha: float = @s>(x)"),
        "outside",
    ),
}
