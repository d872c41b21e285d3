"""The figures are those that onnxruntime 1.32 needed for the same nodes on 64 MiB values, in such values."""

from __future__ import annotations

import pytest

from rewriter import pipeline
from rewriter.cutting.hoisting import hoist
from rewriter.cutting.piece import cut
from rewriter.cutting.plan.footprint import Footprint, footprint_of
from rewriter.cutting.plan.value_sizes import sizes_of
from tests.build import model

ONE = 4 * 16 * 64
"""Bytes of a value."""


def footprint(nodes: str) -> Footprint:
    analysis = pipeline.load(
        model(f"""
            g (float[16, 64] x) => (float[1, 1] y) <float h = {{0.5}}, int64[2] turned = {{64, 16}}>
            {{ {nodes} y = ReduceMax (r) }}
        """)
    )
    main = hoist(analysis.graph, set()).main
    nodes_of = [node for node in main.nodes if node not in main.portable]
    return footprint_of(sizes_of(main, {}, None), cut(main, nodes_of, sorted(main.results)))


@pytest.mark.parametrize(
    ("nodes", "values"),
    [
        ("r = Abs (x)", 1),
        ("a = Abs (x) r = Sin (a)", 2),
        ("a = Abs (x) b = Sin (a) r = Cos (b)", 2),
        ("a = Abs (x) r = Relu (a)", 1),
        ("a = Abs (x) r = Softmax (a)", 1),
        ("r = Relu (x)", 1),
        ("a = Abs (x) r = Reshape (a, turned)", 1),
        ("r = Reshape (x, turned)", 0),
        ("a = Abs (x) r = Transpose (a)", 2),
        ("a = Abs (x) b = Cos (x) r = Add (a, b)", 3),
        ("a = Abs (x) b = Relu (a) r = Add (a, b)", 3),
        ("a = Abs (x) k = Greater (a, h) r = Where (k, h, a)", 4.25),
        ("a = Abs (x) k = Greater (a, h) r = Where (k, h, h)", 3.25),
    ],
)
def test_values_in_use_at_once(nodes: str, values: float) -> None:
    found = footprint(nodes)
    assert abs(found.activations - values * ONE) <= 4
    assert found.inputs == ONE
    assert not found.unknown


def test_a_value_that_is_read_twice_by_a_node_is_not_overwritten_before() -> None:
    assert footprint("a = Abs (x) b = Relu (a) c = Mul (b, a) r = Relu (c)").activations >= 3 * ONE


def test_weights_are_counted_once_and_constants_are_weights() -> None:
    assert footprint("a = Mul (x, h) r = Mul (a, h)").weights == 4
    assert (
        footprint("c = Constant <value = float[3] {1.0, 2.0, 3.0}> () d = Sum (c) r = Abs (x)").weights == 12
    )


def test_what_is_not_counted_is_told() -> None:
    assert list(footprint("k = NonZero (x) s = Shape (k) r = Abs (x)").unknown.values()) == [1]
