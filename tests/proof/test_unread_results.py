"""Unread results of bodies go, and only where no other result depends on them."""

from __future__ import annotations

import pytest
from onnx import AttributeProto

from rewriter.proof.certificate import certify
from rewriter.proof.common_outputs import reduced
from rewriter.proof.unread_results import remove_unread_results
from tests.proof.texts import model, unary

IF = (
    "{0} = If(c) <then_branch = t () => (float[2] p, float[2] p2) {{ p = Neg(x) p2 = Exp(x) }}, "
    "else_branch = e () => (float[2] q, float[2] q2) {{ q = Abs(x) q2 = Sin(x) }}>"
)
LOOP = (
    "n = Constant<value_int = 3>() k = Constant<value = bool {{1}}>() {0} = Loop(n, k, x, x) "
    "<body = b (int64 i, bool go, float[2] s, float[2] r) => (bool on, float[2] t, float[2] v, float[2] w) "
    "{{ on = Identity(go) t = Neg({1}) v = Exp(s) w = Abs(s) }}>"
)


SCAN = (
    "{0} = Scan <num_scan_inputs = 1, scan_output_axes = [0, 0], scan_output_directions = [0, 1], "
    "body = b (float[2] s, float e) => (float[2] t, float[2] v, float[2] w) "
    "{{ t = Add(s, e) v = Exp(s) w = Abs(s) }}>(x, x)"
)


def left(text: str) -> list[list[str]]:
    """The results of the owner, then those of each body, after removal."""
    proto = model(unary(text))
    remove_unread_results(proto)
    owner = proto.graph.node[-1]
    bodies = [each.g for each in owner.attribute if each.type == AttributeProto.GRAPH]
    return [list(owner.output), *([info.name for info in body.output] for body in bodies)]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (IF.format("y, u"), [["y"], ["p"], ["q"]]),
        (IF.format("u, y"), [["y"], ["p2"], ["q2"]]),
        (LOOP.format("y, u, z", "s"), [["y"], ["on", "t"]]),
        (LOOP.format("y, u, z", "r"), [["y", "u"], ["on", "t", "v"]]),
    ],
)
def test_only_what_nothing_depends_on_goes(text: str, kept: list[list[str]]) -> None:
    assert left(text) == kept


@pytest.mark.parametrize(("outputs", "directions"), [("y, u, z", []), ("u, y, z", [0]), ("u, z, y", [1])])
def test_what_a_scan_lists_goes_with_its_result(outputs: str, directions: list[int]) -> None:
    proto = model(unary(SCAN.format(outputs)))
    remove_unread_results(proto)
    lists = {each.name: list(each.ints) for each in proto.graph.node[-1].attribute if each.ints}
    wanted = {"scan_output_axes": [0] * len(directions), "scan_output_directions": directions}
    assert lists == (wanted if directions else {})


def test_the_reduced_model_is_judged_by_what_is_left() -> None:
    one, other = (model(unary(LOOP.format("y, u, z", read))) for read in ("s", "r"))
    plain = model(unary(LOOP.format("y, u, z", "s").replace("w = Abs", "w = Sin")))
    assert certify(reduced(one, ()), reduced(plain, ())).equal
    assert not certify(one, plain).equal
    assert not certify(reduced(one, ()), reduced(other, ())).equal
