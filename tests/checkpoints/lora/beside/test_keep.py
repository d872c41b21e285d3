"""An adapter that stays beside its layers: the sum is computed, and the rest of the file is as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import rewriter
from rewriter.checkpoints.refit import Unresolved
from rewriter.errors import UsageError
from rewriter.model.tensors import Array
from tests.checkpoints.lora.adapters import SCALE, pair, product, save
from tests.checkpoints.lora.test_merge_plan import FC1, FC2, own, shared, with_adapter
from tests.checkpoints.models import drawn, model, node, run_two_layers, two_layers
from tests.checkpoints.test_refit import X, run


def outputs(made: onnx.ModelProto, **inputs: Array) -> list[Array]:
    import onnxruntime

    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    results: list[Array] = session.run(None, inputs)
    return results


def kept(source: onnx.ModelProto | Path, adapter: Path, **more: object) -> rewriter.Refit:
    return rewriter.refit(source, lora=adapter, keep=True, **more)  # type: ignore[arg-type]


def test_the_sum_is_that_of_the_merged_weights(tmp_path: Path) -> None:
    source, out = tmp_path / "m.onnx", tmp_path / "new.onnx"
    onnx.save(two_layers(), source)
    found = kept(source, save(tmp_path / "a", FC1 | FC2), output=out, scale=0.5)
    np.testing.assert_allclose(run(out), run_two_layers(with_adapter(own(), 0.5), X), rtol=1e-4, atol=1e-5)
    assert found.numeric is not None
    assert found.numeric.taken
    assert found.numeric.exact or found.numeric.rounding
    assert found.kept is not None
    assert [(each.module, each.scale, each.rank) for each in found.kept.layers] == [
        ("fc1", 2, 2),
        ("fc2", 2, 2),
    ]


def test_the_tree_shows_the_matrices_as_modules(tmp_path: Path) -> None:
    made = kept(two_layers(), save(tmp_path / "a", FC1)).model
    assert made is not None
    tree = rewriter.tree(made)
    a = tree["fc1.lora_A"]
    assert (a.plain_class, [each.name for each in a.parameters], a.node_names) == (
        "Linear",
        ["weight"],
        ("fc1.lora_A",),
    )
    assert [tree[path].total_nodes for path in ("fc1", "fc1.lora_A", "fc1.lora_B")] == [6, 1, 1]


def test_without_the_added_nodes_the_file_is_the_old_one(tmp_path: Path) -> None:
    found = kept(two_layers(), save(tmp_path / "a", FC1))
    assert found.model is not None
    before, after = two_layers(), found.model
    added = {"fc1.lora_A", "fc1.lora_B", "fc1.scaling", "fc1.sum"}
    assert {each.name for each in after.graph.node} - {each.name for each in before.graph.node} == added
    names = [each.name for each in after.graph.initializer]
    assert names[4:] == ["fc1.lora_A.weight", "fc1.lora_B.weight", "fc1.scaling"]
    assert list(after.graph.initializer)[:4] == list(before.graph.initializer)


def test_an_adapter_of_a_tied_weight_leaves_the_other_module(tmp_path: Path) -> None:
    tensors, x = pair("b", 4, 4), drawn(2, 4, seed=9)
    made = kept(shared(), save(tmp_path / "a", tensors)).model
    assert made is not None
    weight = drawn(4, 4, seed=1)
    hidden = x @ weight
    expected = hidden @ weight + SCALE * hidden @ product(tensors, "b").T
    np.testing.assert_allclose(outputs(made, x=x)[0], expected, rtol=1e-4, atol=1e-4)


def test_a_convolution_keeps_its_windows(tmp_path: Path) -> None:
    weight, x = drawn(4, 3, 3, 3, seed=1), drawn(1, 3, 8, 8, seed=2)
    conv = helper.make_node(
        "Conv",
        ["x", "conv.weight"],
        ["y"],
        name="/conv/Conv",
        strides=[2, 2],
        pads=[1, 1, 1, 1],
        kernel_shape=[3, 3],
    )
    source = model([conv], {"conv.weight": weight})
    source.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8]))
    tensors = {
        "conv.lora_A.weight": drawn(2, 3, 3, 3, seed=3),
        "conv.lora_B.weight": drawn(4, 2, 1, 1, seed=4),
    }
    adapter = save(tmp_path / "a", tensors)
    beside, merged = kept(source, adapter).model, rewriter.refit(source, lora=adapter).model
    assert beside is not None
    assert merged is not None
    delta = np.einsum(
        "or,rikl->oikl", tensors["conv.lora_B.weight"][..., 0, 0], tensors["conv.lora_A.weight"]
    )
    np.testing.assert_allclose(
        numpy_helper.to_array(merged.graph.initializer[0]), weight + SCALE * delta, rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(outputs(beside, x=x)[0], outputs(merged, x=x)[0], rtol=1e-3, atol=1e-4)


def test_an_embedding_is_looked_up_in_both(tmp_path: Path) -> None:
    weight, ids = drawn(6, 4, seed=1), np.array([[1, 5], [0, 2]], np.int64)
    source = model([node("Gather", "/emb/Gather", ["emb.weight", "x"], "y")], {"emb.weight": weight})
    source.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.INT64, [2, 2]))
    a, b = drawn(2, 6, seed=3), drawn(4, 2, seed=4)
    adapter = save(tmp_path / "a", {"emb.lora_embedding_A": a, "emb.lora_embedding_B": b})
    expected = (weight + SCALE * (b @ a).T)[ids]
    for keep in (True, False):
        made = rewriter.refit(source, lora=adapter, keep=keep).model
        assert made is not None
        np.testing.assert_allclose(outputs(made, x=ids)[0], expected, rtol=1e-4, atol=1e-4)


def in_a_branch() -> onnx.ModelProto:
    """`If(on) then x W else x`, with the layer `fc` in the branch."""

    def branch(nodes: list[onnx.NodeProto]) -> onnx.GraphProto:
        return helper.make_graph(
            nodes, "b", [], [helper.make_tensor_value_info("r", TensorProto.FLOAT, None)]
        )

    source = model(
        [
            helper.make_node(
                "If",
                ["on"],
                ["y"],
                name="/If",
                then_branch=branch([node("MatMul", "/fc/MatMul", ["x", "fc.weight"], "r")]),
                else_branch=branch([node("Identity", "/Identity", ["x"], "r")]),
            )
        ],
        {"fc.weight": drawn(4, 4, seed=1)},
    )
    source.graph.input.append(helper.make_tensor_value_info("on", TensorProto.BOOL, []))
    return source


def test_a_layer_in_a_branch_has_its_adapter_there(tmp_path: Path) -> None:
    tensors, x = pair("fc", 4, 4), drawn(2, 4, seed=9)
    made = kept(in_a_branch(), save(tmp_path / "a", tensors)).model
    assert made is not None
    on, off = (outputs(made, x=x, on=np.array(each))[0] for each in (True, False))
    expected = x @ drawn(4, 4, seed=1) + SCALE * x @ product(tensors, "fc").T
    np.testing.assert_allclose(on, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(off, x)
    assert rewriter.tree(made)["fc.lora_B"].nodes


def test_matrices_get_the_type_of_the_weight(tmp_path: Path) -> None:
    half = {
        each.name: numpy_helper.to_array(each).astype(np.float16) for each in two_layers().graph.initializer
    }
    found = kept(two_layers(**half), save(tmp_path / "a", FC1), numbers=False)
    assert found.numeric is None
    assert found.kept is not None
    assert [(each.given, each.dtype) for each in found.kept.layers] == [("float32", "float16")]
    assert "2 tensors from float32 to float16" in str(found)


def test_what_cannot_stay_beside_is_named(tmp_path: Path) -> None:
    source = two_layers()
    source.graph.node[1].op_type, source.graph.node[1].domain = "FusedMatMul", "com.microsoft"
    source.opset_import.add(domain="com.microsoft", version=1)
    with pytest.raises(Unresolved, match=r"fc1: its nodes \(FusedMatMul, Add\) have no MatMul"):
        kept(source, save(tmp_path / "a", FC1 | FC2))
    dora = FC1 | {"fc1.lora_magnitude_vector": np.ones(3, np.float32)}
    with pytest.raises(UsageError, match=r"fc1: DoRA scales the output of the layer too"):
        kept(two_layers(), save(tmp_path / "b", dora, use_dora=True))
    with pytest.raises(UsageError, match=r"--keep is for an adapter"):
        rewriter.refit(two_layers(), {"fc1.weight": drawn(3, 4)}, keep=True)


def test_functions_are_flattened_first(tmp_path: Path) -> None:
    path = tmp_path / "grouped.onnx"
    rewriter.rewrite(two_layers(), path, functions="call", numbers=False)
    with pytest.raises(UsageError, match=r"has functions; rewriter flatten removes them"):
        kept(path, save(tmp_path / "a", FC1))
