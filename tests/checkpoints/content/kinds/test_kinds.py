"""Each case computes a tensor from a checkpoint; its formula computes it from another one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from rewriter.model.tensors import Array
from tests.checkpoints.content.small import InMemory, drawn, find

SHAPES = {
    "a": (6, 5),
    "b": (6, 5),
    "table": (9, 4),
    "pos": (1, 9, 5),
    "v": (6,),
    "u": (6,),
    "cube": (4, 6, 3),
    "conv__weight": (6, 2, 3),
    "conv__bias": (6,),
    "bn__weight": (6,),
    "bn__bias": (6,),
    "bn__running_mean": (6,),
    "bn__running_var": (6,),
    "other__running_mean": (6,),
    "other__running_var": (6,),
    "wn__weight_g": (6, 1, 1),
    "wn__weight_v": (6, 2, 3),
    "new__parametrizations__weight__original0": (1, 6, 1),
    "new__parametrizations__weight__original1": (2, 6, 3),
}
Read = Callable[[str], Array]


def _scale(read: Read, epsilon: float = 1e-5, norm: str = "bn") -> Array:
    weight = read("bn.weight") if norm == "bn" else 1
    return np.asarray(weight / np.sqrt(read(f"{norm}.running_var") + np.float32(epsilon)))


CASES: dict[str, Callable[[Read], Array]] = {
    "transposed": lambda read: read("a").T,
    "reshaped": lambda read: read("a").reshape(1, 3, 10),
    "transposed, then reshaped": lambda read: read("a").T.reshape(2, 15),
    "axes of three": lambda read: read("cube").transpose(2, 0, 1),
    "rows": lambda read: read("table")[2:7],
    "rows, transposed": lambda read: read("table")[2:7].T,
    "rows of a part": lambda read: read("pos")[:, 1:4],
    "gather": lambda read: read("table")[[3, 3, 0, 8, 1, 2, 3, 0]].reshape(2, 4, 4),
    "relative positions": lambda read: read("table")[[4, 5, 6, 3, 4, 5]].reshape(2, 3, 4).transpose(2, 0, 1),
    "relative positions, repeated": lambda read: np.stack(
        [read("table")[[4, 5, 6, 3, 4, 5]].reshape(2, 3, 4).transpose(0, 2, 1)] * 2
    ),
    "concatenation": lambda read: np.concatenate([read("a"), read("b")]),
    "concatenation along the other axis": lambda read: np.concatenate([read("a").T, read("b").T], 1),
    "vectors": lambda read: np.concatenate([read("v"), read("u")]),
    "vectors and zeros": lambda read: np.concatenate([read("v"), np.zeros(6, np.float32), read("u")]),
    "gates in another order, stacked": lambda read: np.stack(
        [np.concatenate([each[3:], each[:3]]) for each in (read("a"), read("b"))]
    ),
    "-exp": lambda read: -np.exp(read("a")),
    "1 + w": lambda read: 1 + read("v"),
    "16 sigmoid, transposed": lambda read: 16 / (1 + np.exp(-read("table").T)),
    "divided by the root of 10": lambda read: read("a") / np.float32(np.sqrt(10)),
    "norm in a convolution": lambda read: read("conv.weight") * _scale(read)[:, None, None],
    "norm in a linear layer": lambda read: (read("a") * _scale(read, 1e-3)[:, None]).T,
    "norm without weights": lambda read: read("conv.weight") * _scale(read, norm="other")[:, None, None],
    "norm in a transposed convolution": lambda read: read("cube") * _scale(read)[None, :, None],
    "layer scale": lambda read: read("a") * read("v")[:, None],
    "scale of a norm": lambda read: _scale(read).reshape(6, 1, 1),
    "shift of a norm": lambda read: read("bn.bias") - read("bn.running_mean") * _scale(read),
    "bias and norm": lambda read: (
        read("bn.bias") + (read("conv.bias") - read("bn.running_mean")) * _scale(read)
    ),
    "weight norm": lambda read: (
        read("wn.weight_v")
        * (read("wn.weight_g") / np.linalg.norm(read("wn.weight_v"), axis=(1, 2), keepdims=True))
    ),
    "weight norm and batch norm": lambda read: CASES["weight norm"](read) * _scale(read)[:, None, None],
    "new weight norm": lambda read: (
        read("new.parametrizations.weight.original1")
        * (
            read("new.parametrizations.weight.original0")
            / np.linalg.norm(read("new.parametrizations.weight.original1"), axis=(0, 2), keepdims=True)
        )
    ),
    "sum of rows": lambda read: read("pos")[:, 2:6] + read("b")[1],
    "sum of rows, repeated": lambda read: np.stack([read("pos")[0, :1] + read("b")[1:2]] * 3),
    "sum of two weights": lambda read: (read("a") + read("b")).T,
}


@pytest.mark.parametrize("case", CASES)
def test_the_formula_gives_the_tensor_of_another_checkpoint(case: str) -> None:
    old, new = drawn(1, **SHAPES), drawn(2, **SHAPES)
    found = find({"t": CASES[case](old.read)}, old)
    assert not found.unresolved
    wanted = CASES[case](new.read)
    value = found.formulas["t"].evaluate(new.read)
    assert value.shape == wanted.shape
    np.testing.assert_allclose(value, wanted, rtol=3e-6, atol=1e-6)


OTHERS: dict[str, Callable[[Read], Array]] = {
    "times a number": lambda read: read("a") * np.float32(0.7310585),
    "one element differs": lambda read: np.where(np.arange(30).reshape(6, 5) == 7, 1.5, read("a")),
    "rows of a product": lambda read: read("a") @ read("b").T,
    "half of a row": lambda read: read("table")[:, ::2],
    "another epsilon": lambda read: read("conv.weight") * _scale(read, 0.0123)[:, None, None],
}


@pytest.mark.parametrize("case", OTHERS)
def test_a_tensor_without_a_formula_is_named(case: str) -> None:
    old = drawn(1, **SHAPES)
    found = find({"t": OTHERS[case](old.read).astype(np.float32)}, old)
    assert not found.formulas
    assert list(found.unresolved) == ["t"]


def test_a_half_precision_file_has_the_formulas_of_its_checkpoint() -> None:
    old, new = drawn(1, a=(6, 5), b=(6, 5)), drawn(2, a=(6, 5), b=(6, 5))
    joined = np.concatenate([old.read("b"), old.read("a")]).astype(np.float16)
    formula = find({"t": joined}, old).formulas["t"]
    assert np.array_equal(formula.evaluate(new.read), np.concatenate([new.read("b"), new.read("a")]))


def test_the_closest_epsilon_is_taken_where_variances_are_large() -> None:
    shapes = {"w": (6, 4), "n__running_mean": (6,), "n__running_var": (6,)}
    old, new = drawn(1, **shapes), drawn(2, **shapes)
    old.arrays["n.running_var"] = old.read("n.running_var") + 6

    def product(read: Read) -> Array:
        return np.asarray(read("w") / np.sqrt(read("n.running_var") + np.float32(1e-5))[:, None])

    formula = find({"t": product(old.read)}, old).formulas["t"]
    np.testing.assert_allclose(formula.evaluate(new.read), product(new.read), rtol=1e-6)


def test_equal_tables_are_all_candidates() -> None:
    table = drawn(1, a=(6, 5)).read("a")
    old = InMemory({"a": table, "b": table.copy()})
    formula = find({"t": table[1:4]}, old).formulas["t"]
    assert set(formula.keys) == {"a", "b"}
    assert np.array_equal(formula.evaluate(InMemory({"a": -table, "b": -table}).read), -table[1:4])
    with pytest.raises(ValueError, match="ambiguous"):
        formula.evaluate(InMemory({"a": table, "b": -table}).read)
