"""A batch norm that the dynamo exporter folded into a layer is computed again from its record."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import rewriter
from rewriter.checkpoints.formula import Key
from rewriter.checkpoints.names.recorded_norms import ScaledChannels
from rewriter.checkpoints.refit import Unresolved
from rewriter.evidence.metadata.dynamo import FX_NODE, GRAPH_SIGNATURE, RULE_NAME
from rewriter.model.tensors import Array
from tests.checkpoints.models import drawn, model, node
from tests.checkpoints.test_refit import X, weights_of

KEYS = ("fc.weight", "fc.bias", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
EPSILON = 1e-3
OPERATOR = "call_function[target=torch.ops.aten._native_batch_norm_legit_no_training.default]"
ARGUMENTS = "(%linear, %p_bn_weight, %p_bn_bias, %b_bn_running_mean, %b_bn_running_var, 0.1, 0.001)"


def folded(rule: str = "FuseBatchNormIntoGemm", bias: str = "fc.bias") -> onnx.ModelProto:
    """Make `bn(fc(x))` as one Gemm, with the records of exporter and optimizer."""
    gemm = node("Gemm", "node_Gemm_1", ["x", "fc.weight", bias], "y", transB=1)
    gemm.metadata_props.add(key=RULE_NAME, value=rule)
    gemm.metadata_props.add(
        key=FX_NODE, value=f"%bn : [num_users=1] = {OPERATOR}(args = {ARGUMENTS}, kwargs = {{}})"
    )
    made = model([gemm], {"fc.weight": drawn(3, 4), bias: drawn(3)})
    kinds = [
        ("b", "BUFFER", " persistent=True") if "running" in key else ("p", "PARAMETER", "") for key in KEYS
    ]
    lines = [
        f"{short}_{key.replace('.', '_')}: {kind} target='{key}'{end}"
        for key, (short, kind, end) in zip(KEYS, kinds, strict=True)
        if key != "fc.bias" or bias == key
    ]
    made.graph.metadata_props.add(key=GRAPH_SIGNATURE, value="\n".join(["", "# inputs", *lines]))
    return made


def new_state() -> dict[str, Array]:
    vectors = {key: drawn(3, seed=number) for number, key in enumerate(KEYS[1:])}
    return {"fc.weight": drawn(3, 4, seed=9), **vectors, "bn.running_var": abs(drawn(3, seed=8)) + 1}


@pytest.mark.parametrize("bias", ["fc.bias", "fc.weight_bias"])
def test_the_file_computes_the_norm_with_the_recorded_epsilon(bias: str) -> None:
    state = new_state()
    if bias != "fc.bias":
        del state["fc.bias"]
    made = rewriter.refit(folded(bias=bias), state).model
    assert made is not None
    scale = state["bn.weight"] / np.sqrt(state["bn.running_var"] + EPSILON)
    layer = X @ state["fc.weight"].T + state.get("fc.bias", 0)
    want = (layer - state["bn.running_mean"]) * scale + state["bn.bias"]
    weights = weights_of(made)
    np.testing.assert_allclose(X @ weights["fc.weight"].T + weights[bias], want, rtol=1e-5, atol=1e-6)


def test_a_second_norm_that_is_not_recorded_is_no_guess() -> None:
    with pytest.raises(Unresolved, match=r"first fc.weight: it holds fc.weight \* unnamed norm"):
        rewriter.refit(folded("FuseBatchNormIntoGemm, FuseBatchNormIntoGemm"), new_state())


def test_channels_of_a_transposed_convolution_are_in_groups() -> None:
    weight, factors = drawn(4, 3, 1, 2), drawn(6, seed=1)
    found = ScaledChannels(Key("w"), Key("s"), groups=2).evaluate({"w": weight, "s": factors}.__getitem__)
    for channel in range(4):
        for out in range(3):
            np.testing.assert_allclose(
                found[channel, out], weight[channel, out] * np.float64(factors[3 * (channel // 2) + out])
            )


def test_a_bias_that_only_the_record_mentions_may_have_been_left_out() -> None:
    made, state = folded(), new_state()
    del made.graph.node[0].input[2], made.graph.node[0].metadata_props[:], made.graph.initializer[1]
    made.graph.node[0].metadata_props.add(key=FX_NODE, value="linear(args = (%x, %p_fc_weight, %p_fc_bias))")
    used = {key: state[key] for key in ("fc.weight", "fc.bias")}
    with pytest.raises(
        Unresolved, match=r"first fc.bias: no tensor is known to hold it, and node_Gemm_1 was"
    ):
        rewriter.refit(made, used)
