"""Names and record of a tensor that dynamo computed show few operators of torch on parameters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import pytest

import rewriter
from rewriter.checkpoints.refit import Unresolved
from rewriter.evidence.metadata.dynamo import FOLDED_FROM, FX_NODE, GRAPH_SIGNATURE
from rewriter.model.tensors import Array
from tests.checkpoints.models import drawn, model, node
from tests.checkpoints.test_refit import weights_of

NEW = {"w": drawn(3, 4), "v": drawn(1, 4, seed=1), "p": drawn(1, seed=2)}


def computed(
    name: str, dims: tuple[int, ...], record: list[str], operator: str = "Mul", fx: str = ""
) -> onnx.ModelProto:
    """Make a model that reads a tensor with a record of what it was computed from."""
    reader = node(operator, "node_1", ["x", name], "y")
    reader.metadata_props.add(key=FX_NODE, value=fx)
    made = model(
        [reader, node("Add", "node_2", ["y", "u"], "z")], {name: drawn(*dims), "u": drawn(4)}, out="z"
    )
    info = made.graph.value_info.add(name=name)
    info.metadata_props.add(key=FOLDED_FROM, value=repr(sorted(record)))
    text = "".join(f"p_{key}: PARAMETER target='{key}'\n" for key in (*NEW, "u"))
    made.graph.metadata_props.add(key=GRAPH_SIGNATURE, value=f"\n# inputs\n{text}")
    return made


def refitted(source: onnx.ModelProto, name: str) -> Array:
    keys = rewriter.refit(source, {**NEW, "u": drawn(4)}, partial=True).model
    assert keys is not None
    return weights_of(keys)[name]


@pytest.mark.parametrize(
    ("name", "record", "want"),
    [
        ("t", ["w"], NEW["w"].T),
        ("permute_1", ["w"], NEW["w"].T),
        ("exp", ["w"], np.exp(NEW["w"])),
        ("neg", ["w", "exp"], -np.exp(NEW["w"])),
        ("view", ["w", "val_3"], NEW["w"].reshape(2, 6)),
        ("add_2", ["w", "v"], NEW["w"] + NEW["v"]),
        ("mul", ["w", "v"], NEW["w"] * NEW["v"]),
        ("repeat", ["v", "val_1"], None),
    ],
)
def test_the_formula_is_that_of_the_operators(name: str, record: list[str], want: Array | None) -> None:
    if want is None:
        made = computed(name, (3, 4), record)
        made.graph.initializer[0].raw_data = np.repeat(drawn(1, 4, seed=5), 3, 0).tobytes()
        want = np.repeat(NEW["v"], 3, 0)
    else:
        made = computed(name, want.shape, record)
    np.testing.assert_allclose(refitted(made, name), want, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "dims", "record"),
    [
        ("mul", (3, 4), ["w", "val_0"]),
        ("mul", (3, 4), ["w", "v", "val_0"]),
        ("exp", (3, 4), ["w", "val_0"]),
        ("add", (3, 4), ["w", "v", "mul"]),
        ("exp_1", (3, 4), ["w", "exp", "neg"]),
        ("embedding", (3, 4), ["w", "slice_1"]),
        ("t", (3, 4), ["w"]),
    ],
)
def test_a_constant_or_an_unknown_operator_is_no_guess(
    name: str, dims: tuple[int, ...], record: list[str]
) -> None:
    with pytest.raises(Unresolved, match=rf"first {name}: the exporter computed it from"):
        rewriter.refit(computed(name, dims, record), {**NEW, "u": drawn(4)})


def test_a_slope_is_in_the_shape_of_the_channels() -> None:
    fx = "call_function[target=torch.ops.aten.prelu.default](args = (%x, %p_p), kwargs = {})"
    made = computed("val_1", (1, 1), ["p", "val_0"], "PRelu", fx)
    assert refitted(made, "val_1") == NEW["p"]
    plain: Mapping[str, Array] = {**NEW, "u": drawn(4)}
    with pytest.raises(Unresolved, match=r"first val_1: the exporter computed it from p"):
        rewriter.refit(computed("val_1", (1, 1), ["p", "val_0"]), plain)
