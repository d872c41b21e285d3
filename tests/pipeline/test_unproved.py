"""The place at which a proof by laws stopped."""

from __future__ import annotations

from rewriter.pipeline.unproved import site_of
from tests.build import model

NET = model(
    """g (float[2] x) => (float[2] y) {
        ["/a/first/Relu"] u = Relu(x)
        ["/a/second/Neg"] v = Neg(u)
        ["/b/Exp"] w = Exp(v)
        y = Abs(w)
    }"""
)


def test_the_innermost_module_whose_inputs_are_proved() -> None:
    assert site_of(NET, [1]) == "module 'a.second', node '/a/second/Neg' (Neg)"
    assert site_of(NET, [0, 1, 2]) == "module 'a.first', node '/a/first/Relu' (Relu), the first of 3 nodes"


def test_a_node_without_a_module_is_named_by_its_result() -> None:
    assert site_of(NET, [3]) == "node 'y' (Abs)"


def test_nothing_open_is_nothing_to_say() -> None:
    assert site_of(NET, []) == ""
