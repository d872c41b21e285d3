"""Pairs of models that differ where results depend on more than the expressions, or on who reads the file."""

from __future__ import annotations

from tests.proof.texts import branches, loop, unary

IR10 = '<ir_version: 10, opset_import: ["" : 17, "m" : 1, "custom" : 1]>\n'


def scan_output(declared: str, *, counter: str = "int64", condition: str = "bool", more: str = "") -> str:
    """A Loop that collects `Neg(r)`; the body declares the element as `declared`."""
    return IR10 + (
        f"g (int64 M, bool go, float[n] x, int64[1] size) => (int64[d] z) {more} {{ r = Reshape(x, size) "
        f"y = Loop(M, go) <body = b ({counter} i, {condition} c) => ({condition} o, {declared} s) "
        "{ o = Identity(c) s = Neg(r) }> z = Shape(y) }"
    )


def scanned(declared: str) -> str:
    """A Scan over `x` that collects what its body makes, declared as `declared`."""
    return IR10 + (
        f"g (float[k,2] x, int64[1] size) => (int64[d] z) {{ y = Scan<num_scan_inputs = 1, "
        f"body = b (float[2] e) => ({declared} s) {{ s = Reshape(e, size) }}>(x) z = Shape(y) }}"
    )


def in_function(declared: str) -> str:
    """`scan_output` with Reshape and Loop inside of a function."""
    return IR10 + (
        "g (int64 M, bool go, float[n] x, int64[1] size) => (int64[d] z) "
        "{ y = m.f(M, go, x, size) z = Shape(y) }"
        '\n<domain: "m", opset_import: ["" : 17]> f (M, go, x, size) => (y) { r = Reshape(x, size) '
        f"y = Loop(M, go) <body = b (int64 i, bool c) => (bool o, {declared} s) "
        "{ o = Identity(c) s = Neg(r) }> }"
    )


def valued(kind: str, numbers: str) -> str:
    """A model that casts an initializer of typed numbers."""
    weight = f"<{kind}[2] w = {{{numbers}}}>"
    return f"g (float[2] x) => (float[2] y) {weight} {{ v = Cast<to = 1>(w) y = Add(x, v) }}"


def held(kind: str, numbers: str) -> str:
    """`valued` with a Constant."""
    return unary(f"w = Constant<value = {kind}[2] {{{numbers}}}>() v = Cast<to = 1>(w) y = Add(x, v)")


def defaults(first: str, second: str = "") -> str:
    """A function whose attribute has these defaults; the text form writes one, so two are told by names."""
    return unary(
        "y = m.f(x)",
        f"def f <alpha: float = {first}{second}> (a) => (b) {{ b = Elu<alpha: float = @alpha>(a) }}",
    )


def handed(inner: str, outer: str) -> str:
    """A call that hands a graph over, which reads `outer`; the function has a value called `inner`."""
    return unary(
        f"{outer} = Exp(x) y = m.f<s = t () => (float[2] p) {{ p = Abs({outer}) }}>(x, c)",
        f"def f <s> (a, on) => (b) {{ {inner} = Neg(a) b = If(on) <then_branch: graph = @s, "
        f"else_branch = e () => (float[2] q) {{ q = Abs({inner}) }}> }}",
    )


def shadowed(name: str) -> str:
    """A branch with an initializer of this name; the main graph has one called `w`."""
    return (
        "g (float[2] x, bool c) => (float[2] y) <float[2] w = {1, 1}> { a = Add(x, w) y = If(c) "
        f"<then_branch = t () => (float[2] p) <float[2] {name} = {{9, 9}}> {{ p = Add(a, {name}) }}, "
        "else_branch = e () => (float[2] q) { q = Neg(x) }> }"
    )


def constant_input(version: int, listed: bool = True) -> str:
    """A weight that is, or is not, listed among the inputs."""
    inputs = "float[2] x, float[2] w" if listed else "float[2] x"
    return (
        f'<ir_version: {version}, opset_import: ["" : 8]> g ({inputs}) => (float[2] y) '
        "<float[2] w = {1, 2}> { y = Add(x, w) }"
    )


def normalized(outputs: str) -> str:
    """BatchNormalization of opset 8, which trains where it gives more than one output."""
    return (
        '<ir_version: 7, opset_import: ["" : 8]> g (float[2,3,4] x, float[3] s) => (float[2,3,4] y) '
        f"{{ {outputs} = BatchNormalization(x, s, s, s, s) }}"
    )


APART: dict[str, tuple[str, str]] = {
    "a static result of a Loop's body": (scan_output("float[3]"), scan_output("float[k]")),
    "another static result": (scan_output("float[3]"), scan_output("float[4]")),
    "a result of no declared shape": (scan_output("float[k]"), scan_output("float")),
    "value_info that decides an open result": (
        scan_output("float[k]", more="<float[3] r>"),
        scan_output("float[k]"),
    ),
    "other value_info": (
        scan_output("float[k]", more="<float[3] r>"),
        scan_output("float[k]", more="<float[4] r>"),
    ),
    "value_info that a function loses": (
        scan_output("float[k]", more="<float[3] r>"),
        in_function("float[k]"),
    ),
    "a size that an Identity hides": (
        scan_output("float[k]"),
        scan_output("float[k]").replace("r = Reshape(x, size)", "t = Identity(size) r = Reshape(x, t)"),
    ),
    "a static result of a Scan's body": (scanned("float[2]"), scanned("float[k]")),
    "the rank of the counter": (scan_output("float[3]"), scan_output("float[3]", counter="int64[1]")),
    "the rank of the condition": (scan_output("float[3]"), scan_output("float[3]", condition="bool[1]")),
    "the rank of the counter in a carried Loop": (
        loop("t = Neg(s)"),
        loop("t = Neg(s)").replace("int64 i", "int64[1] i"),
    ),
    "BOOL 256 and 0": (valued("bool", "256, 0"), valued("bool", "0, 0")),
    "BOOL 256 and 1": (valued("bool", "256, 0"), valued("bool", "1, 0")),
    "BOOL 2 and 1": (valued("bool", "2, 0"), valued("bool", "1, 0")),
    "BOOL 256 and 0 in a Constant": (held("bool", "256, 0"), held("bool", "0, 0")),
    "INT8 300 and 44": (valued("int8", "300, 0"), valued("int8", "44, 0")),
    "UINT8 -1 and 255": (valued("uint8", "-1, 0"), valued("uint8", "255, 0")),
    "blank outputs and named ones": (normalized('y, "", "", "", ""'), normalized("y, a, b, c, d")),
    "blank outputs and none": (normalized('y, ""'), normalized("y")),
    "a blank among variadic inputs": (unary('y = Sum(x, x, "")'), unary("y = Sum(x, x)")),
    "a blank state of a Loop": (
        loop("t = Neg(s)").replace("Loop(n, k, x)", 'Loop(n, k, x, "")'),
        loop("t = Neg(s)"),
    ),
    "a blank input of a custom operator": (unary('y = custom.F(x, "")'), unary("y = custom.F(x)")),
    "an initializer that hides another": (shadowed("w"), shadowed("v")),
    "a graph that reads what the function has, too": (handed("z", "z"), handed("v", "z")),
    "an initializer that may be fed": (constant_input(3), constant_input(8)),
    "an initializer that may be fed, and one that may not": (
        constant_input(8),
        constant_input(8, listed=False),
    ),
    "a graph in which the branch with another initializer comes later": (
        branches("p = Add(x, w)").replace("=> (float[2] p) {", "=> (float[2] p) <float[2] w = {1, 2}> {"),
        branches("p = Add(x, w)").replace("=> (float[2] p) {", "=> (float[2] p) <float[2] w = {1, 3}> {"),
    ),
}
"""Nothing in these may be certified."""

ALIKE: dict[str, tuple[str, str]] = {
    "value_info is lost, the result is declared whole": (
        scan_output("float[3]", more="<float[3] r>"),
        scan_output("float[3]"),
    ),
    "a Loop in a function, its result declared whole": (
        scan_output("float[3]", more="<float[3] r>"),
        in_function("float[3]"),
    ),
    "an Identity before a Loop whose result is declared whole": (
        scan_output("float[3]"),
        scan_output("float[3]").replace("r = Reshape(x, size)", "t = Identity(size) r = Reshape(x, t)"),
    ),
    "an open result and the same value_info": (
        scan_output("float[k]", more="<float[3] r>"),
        scan_output("float[k]", more="<float[3] r>").replace(" r", " q").replace("(r)", "(q)"),
    ),
    "optional inputs left out": (unary('y = Clip(x, "", "")'), unary("y = Clip(x)")),
    "a condition left out": (
        loop("t = Neg(s)").replace("Loop(n, k, x)", 'Loop(n, "", x)'),
        loop("t = Neg(s)")
        .replace("Loop(n, k, x)", 'Loop(n, "", x)')
        .replace(" s)", " v)")
        .replace("(s)", "(v)"),
    ),
    "an initializer of a body that hides its own copy": (
        shadowed("w").replace("{9, 9}", "{1, 1}"),
        shadowed("v").replace("{9, 9}", "{1, 1}"),
    ),
    "below IR version 4 a listed initializer is a constant": (
        constant_input(3),
        constant_input(8, listed=False),
    ),
    "a graph that reads what only the caller has": (
        handed("v", "z"),
        branches("p = Abs(z)", "q = Abs(v)", before="z = Exp(x) v = Neg(x)"),
    ),
}
"""These are one model in every reading."""
