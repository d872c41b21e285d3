"""Values of two models matched by name, shape and closeness."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from rewriter.runtime.compare.tolerance import distance
from rewriter.runtime.compare.value_pairs import PortNames, compare_port

RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((2, 3)), RNG.standard_normal((2, 3))


def values(**arrays: np.ndarray) -> dict[str, list[np.ndarray]]:
    return {name: [array] for name, array in arrays.items()}


def paired(
    port: PortNames, before: dict[str, list[np.ndarray]], after: dict[str, list[np.ndarray]]
) -> set[str]:
    return {f"{pair.before}={pair.after}" for pair in compare_port(port, before, after, 1e-4).pairs}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (np.zeros(2), np.zeros(2), (0.0, 0.0)),
        (np.array([1.0, 4.0]), np.array([1.0, 3.0]), (0.25, 1.0)),
        (np.array([3.0, 1.0]), np.array([4.0, 1.0]), (1 / 3, 1.0)),
        (np.array([1, 2]), np.array([1, 4]), (1.0, 2.0)),
        (np.array([True]), np.array([False]), (1.0, 1.0)),
        (np.array([1e-6]), np.array([0.0]), (1e-3, 1e-6)),
        (np.array([-3.4e38, 1.0]), np.array([-inf, 1.0]), (0.0, 0.0)),
        (np.array([np.nan]), np.array([np.nan]), (0.0, 0.0)),
        (np.array([np.nan]), np.array([1.0]), (inf, inf)),
        (np.array([1.0], np.float16), np.array([1.5], np.float32), (0.5, 0.5)),
        (np.zeros((0, 2)), np.zeros((0, 2)), (0.0, 0.0)),
        (np.array(2.0), np.array(1.0), (0.5, 1.0)),
    ],
)
def test_distance(before: np.ndarray, after: np.ndarray, expected: tuple[float, float]) -> None:
    assert distance(before, after)[:2] == pytest.approx(expected)


def test_values_of_one_shape_go_with_the_closest() -> None:
    port = PortNames(("x", "y"), ("p", "q"))
    assert paired(port, values(x=A, y=B), values(p=B + 0.1, q=A)) == {"x=q", "y=p"}


def test_equal_names_go_together_however_far_apart() -> None:
    port = PortNames(("x", "y"), ("y", "x"))
    assert paired(port, values(x=A, y=B), values(x=B, y=A)) == {"x=x", "y=y"}


def test_names_that_mean_another_value_give_way_where_one_agrees() -> None:
    port = PortNames(("sin", "cos"), ("sin", "new"), by_name=True)
    assert paired(port, values(sin=A, cos=B), values(sin=B, new=A)) == {"sin=new", "cos=sin"}


def test_a_name_counts_where_nothing_else_agrees() -> None:
    port = PortNames(("x",), ("x", "y"), by_name=True)
    found = compare_port(port, values(x=A), values(x=A + 1, y=B), 1e-4)
    assert [(pair.before, pair.after) for pair in found.pairs] == [("x", "x")]
    assert found.only_after == ("y (2, 3)",)


def test_axes_of_one_element_do_not_count() -> None:
    assert paired(PortNames(("x",), ("p",)), values(x=A), values(p=A[None] + 1)) == {"x=p"}


def test_another_shape_counts_only_if_the_numbers_agree() -> None:
    port = PortNames(("x",), ("p",))
    assert paired(port, values(x=A), values(p=A.reshape(3, 2))) == {"x=p"}
    assert compare_port(port, values(x=A), values(p=A.T), 1e-4).only_before == ("x (2, 3)",)


def test_every_input_set_counts() -> None:
    found = compare_port(PortNames(("x",), ("p",)), {"x": [A, A]}, {"p": [A, A + 1]}, 1e-4)
    assert [pair.max_abs for pair in found.pairs] == pytest.approx([1.0])


def test_equal_names_with_other_sizes_in_a_later_set_are_no_pair() -> None:
    port = PortNames(("x",), ("x",), by_name=True)
    assert compare_port(port, {"x": [A, A]}, {"x": [A, A[:1]]}, 1e-4).pairs == ()


def test_values_that_nobody_could_run_are_left_out() -> None:
    found = compare_port(PortNames(("x", "text"), ("p",)), values(x=A), values(p=A), 1e-4)
    assert (len(found.pairs), found.only_before, found.only_after) == (1, (), ())
