"""Proofs by laws: when they are tried, and what stops them."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept, prove_by_laws
from tests.build import model
from tests.proof.laws.cases import evaluate, proof

SUM = "g (float[2] x, float[2] z) => (float[2] y) { y = Add(x, z) }"
SWAPPED = "g (float[2] x, float[2] z) => (float[2] y) { y = Add(z, x) }"


def test_bits_come_before_rounding() -> None:
    found = proof(model(SUM), model(SWAPPED))
    assert (found.kept, found.laws, found.bounds) == (Kept.BITS, ("commutativity",), ())


def test_laws_that_round_are_asked_for() -> None:
    pair = (
        model(SUM.replace("Add", "Div")),
        model(SUM.replace("y = Add(x, z)", "r = Reciprocal(z) y = Mul(x, r)")),
    )
    found = prove_by_laws(*pair, (None, None), laws="bits", timeout=60, evaluate=evaluate)
    assert (found.kept, found.unproved) == (Kept.NOTHING, (0,))
    assert proof(*pair).kept is Kept.ROUNDED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SWAPPED.replace("float[2] z)", "float[3] z)"), "input 'z' is float 2, in the other model float 3"),
        (
            SUM.replace("Add(x, z)", "RandomNormalLike(x)"),
            "nodes that draw random numbers, or may keep state, differ",
        ),
        (SUM.replace("Add(x, z)", "Add(x, u)"), "value 'u' is read before any node writes it"),
    ],
)
def test_what_laws_do_not_look_at(text: str, reason: str) -> None:
    found = proof(model(SUM), model(text))
    assert (found.kept, found.reason) == (Kept.NOTHING, reason)


LOOP = """g (float[2] x) => (float[2] y) {
    n = Constant<value = int64 {3}>()
    t = Constant<value = bool {1}>()
    y = Loop(n, t, x) <body = b (int64 i, bool c, float[2] u) => (bool d, float[2] v) {
        d = Identity(c)
        v = Add(u, u)
    }>
}"""


def test_loops_are_left_alone() -> None:
    after = LOOP.replace(
        "y = Loop(n, t, x)", "o = Constant<value = float {1}>() w = Mul(x, o) y = Loop(n, t, w)"
    )
    assert proof(model(LOOP), model(after)).reason == "results of Loop and Scan may depend on declared types"


IF = """g (bool c, float[2] x) => (float[2] y) {
    y = If(c) <
        then_branch = a () => (float[2] u) { u = Add(x, x) },
        else_branch = b () => (float[2] v) { v = Mul(x, w) w = Neg(x) }
    >
}""".replace("v = Mul(x, w) w = Neg(x)", "w = Neg(x) v = Mul(x, w)")


def test_laws_reach_into_branches() -> None:
    assert proof(model(IF), model(IF.replace("Mul(x, w)", "Mul(w, x)"))).kept is Kept.BITS
    assert proof(model(IF), model(IF.replace("Mul(x, w)", "Sub(w, x)"))).kept is Kept.NOTHING


DRAWS = """g (float[2, 2] x) => (float[2, 2] y) {
    u = Transpose(x)
    v = Transpose(u)
    a = RandomNormalLike(x)
    b = RandomNormalLike(v)
    y = Sub(a, b)
}"""


def test_draws_of_equal_inputs_stay_apart() -> None:
    zero = DRAWS.replace("y = Sub(a, b)", "y = Sub(b, a)")
    assert proof(model(DRAWS), model(zero)).kept is Kept.NOTHING


def test_a_long_chain_ends_in_a_reason_at_worst() -> None:
    steps = ["u0 = Add(x, x)", *(f"u{at} = Add(u{at - 1}, x)" for at in range(1, 1500))]
    bounds = "s = Constant<value_ints = [0]>() e = Constant<value_ints = [{}]>()"
    text = f"g (float[8] x) => (float[4] y) {{{{ {' '.join(steps)} {bounds} y = Slice(u1499, s, e) }}}}"
    found = proof(*(model(text.format(end)) for end in (4, -4)))
    assert found.kept is Kept.BITS or found.reason == "expressions nest too deep for laws"
