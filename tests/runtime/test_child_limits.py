"""Children are ended where they take more than they may, and it is told as what it is."""

from __future__ import annotations

import errno
import os
import resource
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

import rewriter
from rewriter.errors import UsageError
from rewriter.runtime.child import call
from rewriter.runtime.child.job import Cause, Ended
from rewriter.runtime.child_limits import ChildLimits, current, own_memory, parse_size, size_text
from rewriter.runtime.compare.outcome import RunOutcome, Stage
from rewriter.runtime.compare.outputs import outcome_of
from rewriter.verdict.numbers import compare

pytestmark = pytest.mark.usefixtures("processes_are_real")
HEADER = '<ir_version: 9, opset_import: ["" : 21]>\n'
QUICK = "g (float[2] x) => (float[2] y) { y = Identity(x) }"
HUNGRY = """g (float[2] x) => (float[2] y) {
    size = Constant<value = int64[1] {400000000}>()
    many = ConstantOfShape<value = float[1] {1.0}>(size)
    some = ReduceSum<keepdims = 0>(many)
    y = Add(x, some) }"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is watched on Linux only")


def model(text: str) -> onnx.ModelProto:
    return parser.parse_model(HEADER + text)


@linux
@pytest.mark.parametrize(("before", "after", "stage"), [(HUNGRY, QUICK, "first"), (QUICK, HUNGRY, "second")])
def test_out_of_memory_is_told_and_nothing_passes(before: str, after: str, stage: str) -> None:
    with rewriter.limits(memory="600MiB"):
        numeric = compare(model(before), model(after), before_folder=None, after_folder=None, sets=1)
    assert numeric.skipped == (
        f"the {stage} model ran out of memory: it took more than 600 MiB; --memory gives it more"
    )
    assert numeric.agrees is None


@linux
def test_mapped_weights_do_not_count(tmp_path: Path) -> None:
    """340 MB of weights run within 200 MiB, in both sessions: they are mapped from one file."""
    side, count = 2048, 20
    names = [f"w{number}" for number in range(count)]
    values = ["x", *(f"v{number}" for number in range(count - 1)), "y"]
    weights = np.random.default_rng(0).random((side, side), np.float32)
    (tmp_path / "w.bin").write_bytes(weights.tobytes() * count)
    tensors = []
    for number, name in enumerate(names):
        tensor = TensorProto(name=name, dims=[side, side], data_type=1, data_location=TensorProto.EXTERNAL)
        entries = {"location": "w.bin", "offset": number * weights.nbytes, "length": weights.nbytes}
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=str(value))
        tensors.append(tensor)
    nodes = [helper.make_node("MatMul", [values[n], names[n]], [values[n + 1]]) for n in range(count)]
    ends = [helper.make_tensor_value_info(name, 1, [1, side]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)
    large = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(large, tmp_path / "large.onnx")
    with rewriter.limits(memory="200MiB"):
        found = rewriter.verify(tmp_path / "large.onnx", tmp_path / "large.onnx", numbers=True)
    assert found.numeric is not None
    assert found.numeric.exact, found.numeric.skipped


@linux
def test_memory_of_a_process() -> None:
    assert own_memory(0) == 0
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    assert 0 < own_memory(os.getpid()) <= used


def test_killed_for_want_of_memory_is_no_difference() -> None:
    ended = Ended("onnxruntime crashed (signal 9, SIGKILL)", Cause.CRASH, 9, Stage.SECOND)
    assert outcome_of(ended) == RunOutcome(skipped="the second model crashed onnxruntime (signal 9, SIGKILL)")


def test_no_space_for_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(call, "in_child", full)
    numeric = compare(model(QUICK), model(QUICK), before_folder=None, after_folder=None)
    assert numeric.skipped is not None
    reason = "onnxruntime was not run: temporary files cannot be written: No space left on device; TMPDIR"
    assert numeric.skipped.startswith(reason)


def test_threads_give_the_same_numbers() -> None:
    rng = np.random.default_rng(1)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    ends = [helper.make_tensor_value_info(name, 1, [64, 256]) for name in ("x", "y")]
    weight = numpy_helper.from_array(rng.random((256, 256), np.float32), "w")
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [weight])
    proto = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    with rewriter.limits(threads=2):
        found = rewriter.verify(proto, proto, numbers=True)
    assert found.numeric is not None
    assert found.numeric.exact


def test_limits_nest_and_end() -> None:
    with rewriter.limits(memory="1GiB", threads=3):
        with rewriter.limits(threads=2):
            assert (current().memory, current().threads) == (1 << 30, 2)
        assert current().threads == 3
    assert current() == ChildLimits()
    with pytest.raises(UsageError, match="must be more than 0"), rewriter.limits(threads=0):
        pass


@pytest.mark.parametrize(
    ("text", "size"), [("4GiB", 4 << 30), ("1.5g", 3 << 29), ("512 MB", 512 << 20), ("7", 7), ("2k", 2048)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size
    assert parse_size(size_text(size)) == size


@pytest.mark.parametrize("text", ["", "0", "-1G", "nan", "4 GiBs", "1e9", "0.1", "٤GiB"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(UsageError, match="no size of memory"):
        parse_size(text)
