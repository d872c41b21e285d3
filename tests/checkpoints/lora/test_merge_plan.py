"""An adapter merged into a file: it computes what the adapted model computes, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import rewriter
from rewriter.checkpoints.refit import Unresolved
from rewriter.errors import UsageError
from rewriter.model.tensors import Array
from tests.checkpoints.lora.adapters import SCALE, pair, product, save
from tests.checkpoints.models import drawn, model, node, run_two_layers, state_of_two_layers, two_layers
from tests.checkpoints.test_refit import X, run, weights_of

FC1, FC2 = pair("fc1", 3, 4), pair("fc2", 2, 3, seed=7)


def own() -> dict[str, Array]:
    """Return the state dict of `two_layers`."""
    held = weights_of(two_layers())
    return {"fc1.weight": held.pop("onnx::MatMul_7").T, **held}


def with_adapter(state: dict[str, Array], factor: float = 1.0) -> dict[str, Array]:
    """Return a state dict with the adapters of both layers merged."""
    scale = SCALE * factor
    return state | {
        "fc1.weight": state["fc1.weight"] + scale * product(FC1, "fc1"),
        "fc2.weight": state["fc2.weight"] + scale * product(FC2, "fc2"),
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "m.onnx"
    onnx.save(two_layers(), path)
    return path


def test_the_file_computes_with_the_merged_adapter(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "new.onnx"
    found = rewriter.refit(source, None, out, lora=save(tmp_path / "a", FC1 | FC2))
    np.testing.assert_allclose(run(out), run_two_layers(with_adapter(own()), X), rtol=1e-4, atol=1e-5)
    assert [each.name for each in found.plan.fitted] == ["onnx::MatMul_7", "fc2.weight"]
    assert found.proof is not None
    assert (found.proof.tensors, found.plan.lacking) == (2, ())
    after, before = weights_of(onnx.load(out)), weights_of(two_layers())
    assert after["fc1.bias"].tobytes() == before["fc1.bias"].tobytes()


def test_the_scale_is_a_factor_and_new_weights_are_the_base(source: Path, tmp_path: Path) -> None:
    out, new = tmp_path / "new.onnx", state_of_two_layers()
    rewriter.refit(source, new, out, lora=save(tmp_path / "a", FC1 | FC2), scale=-0.5)
    np.testing.assert_allclose(run(out), run_two_layers(with_adapter(new, -0.5), X), rtol=1e-4, atol=1e-5)


def test_an_adapter_of_one_layer_leaves_the_other(source: Path, tmp_path: Path) -> None:
    made = rewriter.refit(source, lora=save(tmp_path / "a", FC2)).model
    assert made is not None
    after, before = weights_of(made), weights_of(two_layers())
    changed = [name for name in after if after[name].tobytes() != before[name].tobytes()]
    assert changed == ["fc2.weight"]


def test_biases_and_whole_modules_are_replaced(source: Path, tmp_path: Path) -> None:
    bias, whole = drawn(3, seed=70), drawn(2, 3, seed=71)
    tensors = FC1 | {"fc1.base_layer.bias": bias, "fc2.modules_to_save.default.weight": whole}
    tensors["fc2.bias"] = drawn(2, seed=72)
    made = rewriter.refit(source, lora=save(tmp_path / "a", tensors)).model
    assert made is not None
    after = weights_of(made)
    np.testing.assert_array_equal(after["fc1.bias"], bias)
    np.testing.assert_array_equal(after["fc2.weight"], whole)
    np.testing.assert_array_equal(after["fc2.bias"], tensors["fc2.bias"])


def test_a_module_that_fits_nothing_is_named_with_the_nearest(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "new.onnx"
    adapter = save(tmp_path / "a", FC1 | pair("fc3", 2, 3))
    with pytest.raises(Unresolved, match=r"no weight fits 'fc3.weight'; nearest: fc"):
        rewriter.refit(source, None, out, lora=adapter)
    assert not out.exists()
    found = rewriter.refit(source, None, out, lora=adapter, partial=True)
    assert [each.name for each in found.plan.fitted] == ["onnx::MatMul_7"]
    with pytest.raises(UsageError, match=r"nothing of .* fits, first other\.weight"):
        rewriter.refit(source, None, out, lora=save(tmp_path / "b", pair("other", 2, 3)))


def test_another_shape_is_refused_with_both(source: Path, tmp_path: Path) -> None:
    with pytest.raises(Unresolved, match=r"fc1.weight: it is 3x4, and the adapter changes 5x4"):
        rewriter.refit(source, lora=save(tmp_path / "a", pair("fc1", 5, 4) | FC2))


def test_half_floats_are_merged_in_float32_and_cast(tmp_path: Path) -> None:
    half = {name: array.astype(np.float16) for name, array in weights_of(two_layers()).items()}
    found = rewriter.refit(two_layers(**half), lora=save(tmp_path / "a", FC1))
    assert found.model is not None
    old = half["onnx::MatMul_7"].T.astype(np.float32)
    expected = (old + SCALE * product(FC1, "fc1")).astype(np.float16)
    after = weights_of(found.model)["onnx::MatMul_7"].T
    np.testing.assert_allclose(after.astype(np.float32), expected.astype(np.float32), rtol=2e-3)
    assert [(each.given, each.dtype) for each in found.plan.fitted] == [("float32", "float16")]


def test_a_huge_alpha_is_refused_where_the_type_ends(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "new.onnx"
    with pytest.raises(UsageError, match=r"fc1: the weight with its adapter is not finite; the scale is"):
        rewriter.refit(source, None, out, lora=save(tmp_path / "a", FC1, lora_alpha=1e39))
    half = {name: array.astype(np.float16) for name, array in weights_of(two_layers()).items()}
    with pytest.raises(UsageError, match=r"has numbers that float16 does not hold"):
        rewriter.refit(two_layers(**half), lora=save(tmp_path / "b", FC1, lora_alpha=1e7))
    assert not out.exists()


def shared() -> onnx.ModelProto:
    """Two layers that read one matrix, as tied weights are."""
    return model(
        [
            node("MatMul", "/a/MatMul", ["x", "a.weight"], "/a/MatMul_output_0"),
            node("MatMul", "/b/MatMul", ["/a/MatMul_output_0", "a.weight"], "y"),
        ],
        {"a.weight": drawn(4, 4, seed=1)},
    )


def test_a_tensor_of_two_modules_is_refused_for_either(tmp_path: Path) -> None:
    a = save(tmp_path / "a", pair("a", 4, 4))
    with pytest.raises(Unresolved, match=r"b reads it too, and the adapter of a.weight must not change that"):
        rewriter.refit(shared(), {"a.weight": drawn(4, 4)}, lora=a)
    b = save(tmp_path / "b", pair("b", 4, 4))
    with pytest.raises(UsageError, match=r"nothing of .* its module reads a.weight, and a change of that"):
        rewriter.refit(shared(), lora=b)


def square(transposed: bool) -> onnx.ModelProto:
    """A square layer: `x W^T` by Gemm, or `x W`, as transformers' Conv1D computes it."""
    gemm = helper.make_node("Gemm", ["x", "fc.weight", "fc.bias"], ["y"], name="/fc/Gemm")
    if transposed:
        gemm.attribute.append(helper.make_attribute("transB", 1))
    return model([gemm], {"fc.weight": drawn(4, 4, seed=1), "fc.bias": drawn(4, seed=2)})


@pytest.mark.parametrize("transposed", [True, False])
def test_the_operator_shows_how_a_square_weight_is_stored(transposed: bool, tmp_path: Path) -> None:
    tensors = pair("fc", 4, 4)
    made = rewriter.refit(square(transposed), lora=save(tmp_path / "a", tensors)).model
    assert made is not None
    change = numpy_helper.to_array(made.graph.initializer[0]) - drawn(4, 4, seed=1)
    delta = SCALE * product(tensors, "fc")
    np.testing.assert_allclose(change, delta if transposed else delta.T, atol=1e-5)


def test_the_reverse_shape_needs_a_sign(source: Path, tmp_path: Path) -> None:
    swapped = pair("fc1", 4, 3)
    with pytest.raises(UsageError, match=r"fc1.weight: it is 3x4, and the adapter changes 4x3"):
        rewriter.refit(source, lora=save(tmp_path / "a", swapped, fan_in_fan_out=True))
    gemm = helper.make_node("Gemm", ["x", "fc.weight", "fc.bias"], ["y"], name="/fc/Gemm")
    turned = model([gemm], {"fc.weight": drawn(4, 3, seed=1), "fc.bias": drawn(3, seed=2)})
    tensors = pair("fc", 3, 4)
    made = rewriter.refit(turned, lora=save(tmp_path / "b", tensors)).model
    assert made is not None
    change = numpy_helper.to_array(made.graph.initializer[0]) - drawn(4, 3, seed=1)
    np.testing.assert_allclose(change, SCALE * product(tensors, "fc").T, atol=1e-5)


def test_a_square_weight_that_nothing_shows_is_refused(tmp_path: Path) -> None:
    source = model([node("Mul", "/fc/Mul", ["x", "fc.weight"], "y")], {"fc.weight": drawn(4, 4, seed=1)})
    with pytest.raises(UsageError, match=r"fc.weight: it is square, and the file does not show"):
        rewriter.refit(source, lora=save(tmp_path / "a", pair("fc", 4, 4), fan_in_fan_out=True))


def test_functions_of_a_grouped_file_get_the_merged_weights(source: Path, tmp_path: Path) -> None:
    grouped, out = tmp_path / "grouped.onnx", tmp_path / "new.onnx"
    rewriter.rewrite(source, grouped, functions="call", numbers=False)
    assert onnx.load(grouped).functions
    rewriter.refit(grouped, None, out, lora=save(tmp_path / "a", FC1 | FC2))
    np.testing.assert_allclose(run(out), run_two_layers(with_adapter(own()), X), rtol=1e-4, atol=1e-5)


def test_a_quantised_weight_is_refused_as_such(source: Path, tmp_path: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    quantised = tmp_path / "int8.onnx"
    quantize_dynamic(source, quantised)
    with pytest.raises(UsageError, match=r"fc2.weight: it is held quantised"):
        rewriter.refit(quantised, lora=save(tmp_path / "a", FC2))


def test_the_prefix_of_a_wrapper_may_differ(source: Path, tmp_path: Path) -> None:
    inner = {f"bert.{key}": array for key, array in (FC1 | FC2).items()}
    found = rewriter.refit(source, lora=save(tmp_path / "a", inner))
    assert found.plan.adapter is not None
    assert found.plan.adapter.prefix == ("bert.", "")
    assert len(found.plan.fitted) == 2


def test_the_adapter_is_no_output(source: Path, tmp_path: Path) -> None:
    adapter = save(tmp_path / "a", FC1)
    with pytest.raises(UsageError, match=r"is the file that --lora reads"):
        rewriter.refit(source, None, adapter / "adapter_config.json", lora=adapter)


def test_weights_or_an_adapter_are_needed(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"name a checkpoint as NEW, or an adapter by --lora"):
        rewriter.refit(source)
    with pytest.raises(UsageError, match=r"--scale is for an adapter"):
        rewriter.refit(source, state_of_two_layers(), scale=2)
    with pytest.raises(UsageError, match=r"--scale nan is no finite number"):
        rewriter.refit(source, lora=save(tmp_path / "a", FC1), scale=float("nan"))
