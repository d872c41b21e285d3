from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper

import rewriter
from rewriter.checkpoints.content import find_formulas
from rewriter.checkpoints.formula import Key
from rewriter.model.tensors import Array
from tests.checkpoints.content.small import InMemory, drawn, find, model_of

ZEROS, ONES = np.zeros(6, np.float32), np.ones(6, np.float32)
NEW = InMemory({"a.bias": ONES, "b.bias": ONES * 2})


def test_a_tensor_that_is_named_after_its_key_is_this_key() -> None:
    old = InMemory({"a.bias": ZEROS, "b.bias": ZEROS})
    found = find({"a.bias": ZEROS, "b.bias": ZEROS}, old, {"a.bias": "a", "b.bias": "b"})
    assert found.formulas == {"a.bias": Key("a.bias"), "b.bias": Key("b.bias")}
    assert not found.unread


def test_a_prefix_of_the_names_of_a_file_does_not_count() -> None:
    old = InMemory({"a.bias": ZEROS, "b.bias": ZEROS})
    found = find({"model.a.bias": ZEROS, "model.b.bias": ZEROS}, old)
    assert found.formulas == {"model.a.bias": Key("a.bias"), "model.b.bias": Key("b.bias")}


def test_a_merged_tensor_is_ambiguous_unless_its_keys_stay_equal() -> None:
    old = InMemory({"a.bias": ZEROS, "b.bias": ZEROS})
    formula = find({"a.bias": ZEROS}, old, {"a.bias": "a b"}).formulas["a.bias"]
    with pytest.raises(ValueError, match="ambiguous"):
        formula.evaluate(NEW.read)
    assert np.array_equal(formula.evaluate(InMemory({"a.bias": ONES, "b.bias": ONES}).read), ONES)


def test_a_tensor_that_only_the_module_of_its_key_reads_is_not_merged() -> None:
    old = InMemory({"a.bias": ZEROS, "b.bias": ZEROS})
    found = find({"a.bias": ZEROS}, old, {"a.bias": "a a"})
    assert found.formulas == {"a.bias": Key("a.bias")}
    assert found.unread == found.left_out == ("b.bias",)


def test_equal_numbers_without_a_name_show_no_formula() -> None:
    """The exporter may have doubled a bias of zeros."""
    old = InMemory({"a.bias": ZEROS, "b.bias": ZEROS})
    found = find({"onnx::Add_7": ZEROS, "a.bias": ZEROS}, old, {"onnx::Add_7": "b", "a.bias": "a"})
    assert list(found.formulas) == ["a.bias"]
    assert found.unresolved["onnx::Add_7"].endswith("so nothing shows that it is b.bias")


def test_a_number_that_equals_a_key_by_chance_is_no_weight() -> None:
    one = np.array(1.0, np.float32)
    found = find({"scale": one, "c": one}, InMemory({"scale": one}))
    assert list(found.formulas) == ["scale"]
    assert not found.unresolved


def test_a_number_that_may_be_an_unread_key_is_named() -> None:
    one = np.array(1.0, np.float32)
    found = find({"c": one}, InMemory({"a.scale": one}), {"c": "a"})
    assert "may be chance" in found.unresolved["c"]


def test_an_unusual_number_has_the_formula_of_its_key() -> None:
    old, new = (InMemory({"a.scale": np.array([number], np.float32)}) for number in (2.6593, 0.4321))
    formula = find({"c": np.exp(old.read("a.scale")).reshape(())}, old).formulas["c"]
    assert formula.evaluate(new.read).item() == pytest.approx(np.exp(0.4321), rel=1e-6)
    assert formula.evaluate(new.read).shape == ()


def test_numbers_of_unknown_origin_are_named_though_all_keys_are_read() -> None:
    """They may be the lengths of the rows, which no operator reads as a weight."""
    old = drawn(1, a=(6, 5))
    a = old.read("a")
    found = find(
        {"a": a, "lengths": np.sqrt((a * a).sum(axis=1)), "one": np.array(0.74312345, np.float32)}, old
    )
    assert list(found.formulas) == ["a"]
    assert set(found.unresolved) == {"lengths", "one"}


def test_a_weight_without_a_formula_is_named_though_all_keys_are_read() -> None:
    old = drawn(1, a=(6, 5), v=(6,))
    a, v = old.read("a"), old.read("v")
    tensors = {"a": a, "v": v, "unknown": np.tanh(v) * a[:, 0], "multiple": a * np.float32(0.3536)}
    found = find(tensors, old)
    assert found.unresolved["unknown"].endswith("those of no constant that programs state")
    assert found.unresolved["multiple"] == "it is a times a number of unknown origin"


def test_generated_numbers_do_not_depend_on_a_checkpoint() -> None:
    table = np.sin(np.arange(40)[:, None] / 10.0 ** np.arange(4)).astype(np.float32)
    found = find({"table": table, "steps": np.arange(9, dtype=np.float32)}, drawn(1, a=(6, 5)))
    assert not found.formulas
    assert not found.unresolved
    assert found.unread == ("a",)


def test_a_number_that_left_the_file_is_told() -> None:
    found = find({}, InMemory({"scale": np.array(1.0, np.float32), "w": drawn(1, w=(3, 4)).read("w")}))
    assert found.unread == ("scale", "w")
    assert found.left_out == ("scale",)


def test_equal_numbers_of_any_size_may_have_left_the_file() -> None:
    found = find({}, InMemory({"gamma": np.full(6, 1e-4, np.float32)}))
    assert found.left_out == ("gamma",)


def test_the_magnitude_of_a_weight_may_have_left_the_file() -> None:
    old = drawn(1, w__weight_g=(6, 1), w__weight_v=(6, 5))
    assert find({"t": old.read("w.weight_v")}, old).left_out == ("w.weight_g",)


def test_a_norm_with_an_unread_mean_may_be_in_a_bias_of_zeros() -> None:
    old = InMemory({"conv.bias": ZEROS, "bn.running_mean": ONES, "bn.running_var": ONES})
    found = find({"conv.bias": ZEROS}, old, {"conv.bias": "conv"})
    assert "bn.running_mean may be folded into it" in found.unresolved["conv.bias"]


def test_a_checkpoint_may_lack_all_but_one_of_tied_keys() -> None:
    table = drawn(1, a=(6, 5)).read("a")
    formula = find({"t": table}, InMemory({"embed.weight": table, "head.weight": table})).formulas["t"]
    new = InMemory({"head.weight": -table})
    assert np.array_equal(formula.evaluate(new.read), -table)
    with pytest.raises(KeyError):
        formula.evaluate(InMemory({}).read)


def test_constant_nodes_count_as_tensors_and_integers_do_not() -> None:
    old = drawn(1, a=(6, 5))
    model = model_of({})
    stored: dict[str, Array] = {"t": old.read("a").T.copy(), "n": np.arange(4)}
    for name, array in stored.items():
        value = numpy_helper.from_array(array)
        model.graph.node.append(helper.make_node("Constant", [], [name], value=value))
        model.graph.node.append(helper.make_node("Identity", [name], [f"{name}_out"]))
        model.graph.output.append(helper.make_tensor_value_info(f"{name}_out", value.data_type, None))
    model.graph.node.append(helper.make_node("Constant", [], ["f"], value_floats=list(old.read("a")[2])))
    found = find_formulas(rewriter.load(model), old)
    assert set(found.formulas) == {"t", "f"}
    assert not found.unresolved


def test_tensors_of_two_bodies_with_one_name_are_named() -> None:
    old = drawn(1, a=(6,), b=(6,))
    branches: dict[str, Any] = {
        f"{branch}_branch": helper.make_graph(
            [helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(old.read(key)))],
            branch,
            [],
            [helper.make_tensor_value_info("w", 1, None)],
        )
        for branch, key in (("then", "a"), ("else", "b"))
    }
    model = model_of({})
    model.graph.input.append(helper.make_tensor_value_info("c", 9, []))
    model.graph.node.append(helper.make_node("If", ["c"], ["y"], **branches))
    model.graph.output.append(helper.make_tensor_value_info("y", 1, None))
    found = find_formulas(rewriter.load(model), old)
    assert found.unresolved == {"w": "2 tensors of the file have this name"}


def test_a_quantised_tensor_is_named() -> None:
    model = model_of({})
    stored: dict[str, Array] = {
        "w": np.arange(8, dtype=np.int8),
        "s": np.array(0.1, np.float32),
        "z": np.array(0, np.int8),
    }
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in stored.items())
    model.graph.node.append(helper.make_node("DequantizeLinear", ["w", "s", "z"], ["y"]))
    model.graph.output.append(helper.make_tensor_value_info("y", 1, None))
    found = find_formulas(rewriter.load(model), drawn(1, a=(6, 5)))
    assert found.unresolved["w"] == "it is quantised"
