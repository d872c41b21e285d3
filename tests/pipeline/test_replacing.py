"""Replaced modules are proved, tried in onnxruntime, and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto

import rewriter
from rewriter.edits.replacement import Ran, Replacement
from rewriter.errors import CannotReplace, Different, NotProved, RewriterError, UsageError
from rewriter.passes.flatten import Flatten
from tests.build import model
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "ts.onnx"
ATTENTION = "model.encoder.layer.*.attention"


def activation(slope: float, operator: str = "Sigmoid") -> ModelProto:
    """A module `act` that computes QuickGelu if the slope is 1.702 and the operator is Sigmoid."""
    return model(
        f"""g (float[N, 4] x) => (float[N, 4] y) {{
          n = Neg (x)
          ["/act/slope"] slope = Constant <value = float {{{slope}}}> ()
          ["/act/Mul"] a = Mul (n, slope)
          ["/act/{operator}"] b = {operator} (a)
          ["/act/Mul_1"] y = Mul (n, b)
        }}"""
    )


def replaced(source: Any, operator: str, *modules: str, **how: Any) -> Replacement:
    return rewriter.replace(source, modules or ("act",), operator, **how)


def test_a_kernel_of_the_runtime_is_judged_by_its_numbers(tmp_path: Path) -> None:
    output = tmp_path / "o.onnx"
    found = replaced(activation(1.702), "com.microsoft:QuickGelu", output=output)
    assert found.ran is Ran.KERNEL
    assert found.kernel is not None
    assert found.kernel.within
    assert found.verification.certificate.equal
    assert found.outputs == (output,)
    written = onnx.load(output)
    assert [(node.domain, node.op_type) for node in written.graph.node][1:] == [
        ("com.microsoft", "QuickGelu")
    ]
    assert {each.domain: each.version for each in written.opset_import} == {"": 17, "com.microsoft": 1}
    assert "onnxruntime runs its own kernel, not the body" in str(found)
    flat = rewriter.rewrite(written, passes=(Flatten(),), numbers=False).analysis.model
    assert [node.name for node in flat.graph.node] == [node.name for node in activation(1.702).graph.node]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("source", "operator", "how", "error", "said"),
    [
        (
            activation(1.5),
            "com.microsoft:QuickGelu",
            {},
            Different,
            "runs its kernel .* computes something else",
        ),
        (activation(1.7), "com.microsoft:QuickGelu", {"tolerance": 0.0}, Different, "beyond"),
        (activation(1.702), "com.microsoft:QuickGelu", {"numbers": False}, NotProved, "drop --no-numbers"),
        (
            activation(1.702),
            "com.microsoft:Attention",
            {},
            CannotReplace,
            "does not load .* has input size 1",
        ),
        (activation(1.702), "ai.onnx.contrib:Neg", {}, UsageError, "Neg is an operator of ai.onnx"),
    ],
)
def test_a_kernel_that_computes_something_else_is_refused(
    source: ModelProto,
    operator: str,
    how: dict[str, Any],
    error: type[RewriterError],
    said: str,
    tmp_path: Path,
) -> None:
    output = tmp_path / "o.onnx"
    with pytest.raises(error, match=said):
        replaced(source, operator, output=output, **how)
    assert not [*tmp_path.iterdir()]


@pytest.mark.thorough
@pytest.mark.parametrize("operator", ["com.microsoft:Mine", "ai.onnx.contrib:Mine", "my.domain:Mine"])
def test_without_a_kernel_the_body_runs(operator: str) -> None:
    found = replaced(activation(1.702, "Tanh"), operator)
    assert (found.ran, found.kernel) == (Ran.BODY, None)
    assert found.verification.numeric is not None
    assert found.verification.numeric.exact


def test_an_output_is_refused_before_any_work(tmp_path: Path) -> None:
    source = tmp_path / "m.onnx"
    onnx.save(activation(1.702), source)
    with pytest.raises(UsageError, match="is the input"):
        replaced(source, "my.domain:Mine", output=source)


@pytest.mark.thorough
def test_external_data_stays_or_is_packed(tmp_path: Path) -> None:
    source = tmp_path / "m" / "m.onnx"
    source.parent.mkdir()
    onnx.save(onnx.load(BERT), source, save_as_external_data=True, location="m.data")
    data = source.with_name("m.data").read_bytes()
    beside = replaced(source, "my.domain:Mine", ATTENTION, output=source.with_name("o.onnx"))
    assert [path.name for path in beside.outputs] == ["o.onnx"]
    with pytest.raises(UsageError, match="add --copy-data"):
        replaced(source, "my.domain:Mine", ATTENTION, output=tmp_path / "o.onnx")
    away = replaced(source, "my.domain:Mine", ATTENTION, output=tmp_path / "o.onnx", copy_data=True)
    assert sorted(path.name for path in away.outputs) == ["o.onnx", "o.onnx.data"]
    assert rewriter.verify(BERT, tmp_path / "o.onnx").verdict == "equal"
    assert source.with_name("m.data").read_bytes() == data


def attention(heads: int) -> Any:
    """The attention of BERT in numpy, with the inputs of the operator in order."""

    def split(states: Any) -> Any:
        batch, length, size = states.shape
        return states.reshape(batch, length, heads, size // heads).transpose(0, 2, 1, 3)

    def run(x: Any, mask: Any, *weights: Any) -> Any:
        shift, scale, bias, dense, key_bias, key, query_bias, query, value_bias, value = weights
        queries, keys, values = (
            split(x @ matrix + vector)
            for matrix, vector in ((query, query_bias), (key, key_bias), (value, value_bias))
        )
        scores = queries @ keys.transpose(0, 1, 3, 2) / np.sqrt(queries.shape[-1])
        scores = np.where(mask, scores, np.finfo(np.float32).min)
        likely = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (likely / likely.sum(-1, keepdims=True)) @ values
        states = mixed.transpose(0, 2, 1, 3).reshape(x.shape) @ dense + bias + x
        centred = states - states.mean(-1, keepdims=True)
        normed = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return (normed * scale + shift).astype(np.float32)

    return run


@pytest.mark.thorough
def test_the_attention_of_bert_runs_by_its_body_and_by_a_kernel_in_python(tmp_path: Path) -> None:
    """Bit for bit the same by the body, and as close as numpy computes by the kernel."""
    import onnxruntime as ort

    extensions = pytest.importorskip(
        "onnxruntime_extensions", reason="no kernels in Python: pip install onnxruntime-extensions"
    )
    output = tmp_path / "o.onnx"
    assert replaced(BERT, "ai.onnx.contrib:FusedAttention", ATTENTION, output=output).ran is Ran.BODY
    calls = []
    floats = extensions.PyCustomOpDef.dt_float

    def kernel(*inputs: Any) -> Any:
        calls.append(len(inputs))
        return attention(heads=2)(*inputs)

    types = [floats, extensions.PyCustomOpDef.dt_bool, *[floats] * 10]
    extensions.onnx_op(op_type="FusedAttention", inputs=types, outputs=[floats])(kernel)

    feeds = {"input_ids": np.arange(14).reshape(2, 7), "attention_mask": np.ones((2, 7), np.int64)}
    feeds["attention_mask"][1, 4:] = 0

    def run(path: Path, *libraries: str) -> list[Any]:
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        for library in libraries:
            options.register_custom_ops_library(library)
        return list(ort.InferenceSession(path, options).run(None, feeds))

    source, body = run(BERT), run(output)
    assert all(np.array_equal(*pair) for pair in zip(source, body, strict=True))
    assert not calls
    for ours, theirs in zip(source, run(output, extensions.get_library_path()), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert calls == [12, 12]
