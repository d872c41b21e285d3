"""Time by module: everything is booked once, on the module that computes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import onnxruntime
import pytest

import rewriter
from rewriter.basics.literals import FunctionsWord
from rewriter.basics.releases import numbers_of
from rewriter.errors import UsageError
from rewriter.insight.profile import Profile
from rewriter.runtime.child.call import Task
from rewriter.views.json import schema
from rewriter.views.json.profile import profile_json
from tests.build import model
from tests.exports import EXPORTS

SIX = [f"{name}/{file}" for name in ("bert", "gpt2", "resnet") for file in ("ts", "dy")]

SLOW = """
g (float[256,256] x) => (float[256,256] y) {
  ["/fast/first/Relu"] a = Relu(x)
  ["/slow/mm/MatMul"] b = MatMul(a, a)
  ["/slow/mm/MatMul_1"] c = MatMul(b, a)
  ["/slow/mm/MatMul_2"] d = MatMul(c, b)
  ["/slow/act/Tanh"] e = Tanh(d)
  ["/fast/second/Sigmoid"] y = Sigmoid(e)
}
"""


def booked(found: Profile) -> float:
    return sum(module.own.mean for module in found.modules) + found.outside.mean + found.unmapped.mean


def parts(found: Profile) -> dict[str, int]:
    """Module -> how many kernels it has part in."""
    return {str(each.path): each.kernels for each in found.modules}


@pytest.mark.parametrize("name", SIX)
def test_nearly_all_time_is_mapped_and_booked_once(name: str) -> None:
    found = rewriter.profile(EXPORTS / f"{name}.onnx", rounds=5, warmup=1, threads=1)
    assert found.mapped >= 0.98
    assert found.runs == 5
    assert booked(found) == pytest.approx(found.total.mean, abs=1e-6)
    root = found.modules[0]
    assert root.total.mean + found.unmapped.mean == pytest.approx(found.total.mean, abs=1e-6)
    assert sum(each.own.mean for each in found.classes) == pytest.approx(root.total.mean, abs=1e-6)
    tells_memory = numbers_of(onnxruntime.__version__) >= (1, 23, 2)
    assert (found.peak_bytes > 0) == tells_memory


def test_a_slow_module_is_found_by_running() -> None:
    found = rewriter.profile(model(SLOW), rounds=9, threads=1)
    totals = {str(each.path): each.total.median for each in found.modules}
    assert totals["slow.mm"] > 2 * totals["fast"]
    assert {str(each.path): each.kernels for each in found.modules if each.kernels} == {
        "fast.first": 1,
        "fast.second": 1,
        "slow.mm": 3,
        "slow.act": 1,
    }


def test_nodes_without_names_are_told_apart() -> None:
    proto = model(SLOW, **{})
    analysis = rewriter.load(proto)
    tagged = rewriter.rewrite(proto, numbers=False, sidecar="none").analysis.model
    for node in tagged.graph.node:
        node.name = ""
    found = rewriter.profile(tagged, rounds=2, threads=1)
    assert found.mapped == 1.0
    assert sum(each.kernels for each in found.modules) == len(analysis.graph.nodes)
    assert all(not node.name for node in tagged.graph.node)  # the model itself is not changed


def test_a_fused_kernel_is_shared_equally() -> None:
    text = """
    g (float[64,256] x, float[256,256] w) => (float[64,256] y) {
      ["/fc/Gemm"] h = Gemm(x, w)
      ["/act/Relu"] y = Relu(h)
    }
    """
    found = rewriter.profile(model(text), rounds=3, threads=1)
    times = {str(each.path): each for each in found.modules}
    assert found.shared == found.total
    assert found.shared.mean > 0
    assert times["fc"].own == times["act"].own
    assert times["fc"].shared == times["fc"].own.mean == pytest.approx(found.total.mean / 2)


LOOP = """
g (float[64,64] x, int64 n, bool c) => (float[64,64] y) {
  keep = Constant <value = bool {1}> ()
  [loop] z = Loop (n, keep, x) <body = body (int64 i, bool k, float[64,64] a) => (bool k2, float[64,64] b) {
    k2 = Identity (k)
    ["/cell/fc/MatMul"] m = MatMul (a, a)
    ["/cell/act/Tanh"] b = Tanh (m)
  }>
  [choice] y = If (c) <
    then_branch = yes () => (float[64,64] t) { ["/cell/fc/MatMul_1"] t = MatMul (z, z) },
    else_branch = no () => (float[64,64] e) { ["/other/Exp"] e1 = Exp (z) ["/other/Neg"] e = Neg (e1) }
  >
}
"""


@pytest.mark.parametrize("functions", ["none", "shared"])
def test_kernels_of_bodies_are_outside_of_their_container(tmp_path: Path, functions: FunctionsWord) -> None:
    rewriter.rewrite(model(LOOP), tmp_path / "m.onnx", functions=functions, numbers=False)
    inputs = {"x": np.eye(64, dtype=np.float32), "n": np.array(7), "c": np.array(True)}
    found = rewriter.profile(tmp_path / "m.onnx", inputs=inputs, rounds=3, warmup=1, threads=1)
    assert booked(found) == pytest.approx(found.total.mean, abs=1e-6)
    loop, choice = found.containers
    assert (loop.op_type, loop.counts, len(loop.iterations), loop.modules) == ("Loop", (7, 7, 7), 7, ())
    assert (choice.op_type, choice.counts, len(choice.iterations)) == ("If", (1, 1, 1), 1)
    assert [(each.title, each.kernels) for each in found.unrun] == [("else_branch of 'choice'", 2)]
    executions = {str(each.path): each.executions for each in found.modules if each.kernels}
    assert executions == {"cell.fc": 8, "cell.act": 7}
    assert found.outside.mean == pytest.approx(loop.own.mean + choice.own.mean)
    assert not any(name in ("loop", "choice") for name in found.unmapped_kernels)
    document = profile_json(found)
    jsonschema.Draft202012Validator(schema("profile")).validate(document)
    rows = [*(each["own"] for each in document["modules"]), document["unmapped"]["time"]]
    rows.append(document["containers"]["time"])
    assert sum(each["mean"] for each in rows) == pytest.approx(document["total"]["mean"])
    assert [len(each["iterations"]) for each in document["containers"]["kernels"]] == [7, 1]
    assert "(If, Loop, Scan)" in str(found)
    assert "Loop loop: " in str(found)
    assert "7 iterations in a run" in str(found)


def test_a_loop_without_iterations_is_said_to_have_none() -> None:
    inputs = {"x": np.eye(64, dtype=np.float32), "n": np.array(0), "c": np.array(False)}
    found = rewriter.profile(model(LOOP), inputs=inputs, rounds=2, warmup=0, threads=1)
    assert found.containers[0].counts == (0, 0)
    titles = [each.title for each in found.unrun]
    assert titles == ["body of 'loop'", "then_branch of 'choice'"]
    assert "0 iterations in a run" in str(found)
    assert booked(found) == pytest.approx(found.total.mean, abs=1e-6)


def test_loops_and_branches_are_counted_once() -> None:
    found = rewriter.profile(EXPORTS / "scripted_if_loop" / "ts.onnx", rounds=3, threads=1)
    assert found.mapped >= 0.98
    assert booked(found) == pytest.approx(found.total.mean, abs=1e-6)
    assert {str(each.path) for each in found.modules if each.kernels} >= {"control", "control.cell"}


def test_what_nobody_can_place_is_a_row() -> None:
    found = rewriter.profile(model("g (float[9] x) => (float[9] y) { y = Relu(x) }"), rounds=2, threads=1)
    assert found.mapped == 0.0
    assert found.unmapped.mean == found.total.mean
    assert len(found.unmapped_kernels) == 1


@pytest.mark.parametrize("functions", ["call", "shared"])
def test_grouped_files_are_profiled_flat(tmp_path: Path, functions: FunctionsWord) -> None:
    source = EXPORTS / "bert" / "dy.onnx"
    rewriter.rewrite(source, tmp_path / "g.onnx", functions=functions, numbers=False)
    flat, found = (
        rewriter.profile(path, rounds=1, warmup=0, threads=1) for path in (source, tmp_path / "g.onnx")
    )
    assert found.mapped == 1.0
    assert parts(found) == parts(flat)


def test_inputs_of_users_are_taken() -> None:
    inputs: Mapping[str, Any] = {"x": np.zeros((256, 256), np.float32)}
    assert rewriter.profile(model(SLOW), inputs=inputs, rounds=1).runs == 1
    with pytest.raises(UsageError, match="'x' has shape"):
        rewriter.profile(model(SLOW), inputs={"x": np.zeros((3, 3), np.float32)})


def test_a_model_that_does_not_run_is_refused() -> None:
    with pytest.raises(UsageError, match="Nonsense"):
        rewriter.profile(model(SLOW.replace("Tanh(", "Nonsense(")))


def test_a_crash_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rewriter.runtime.timing.profiler.TASK", Task("rewriter.runtime.no_such_task:run"))
    with pytest.raises(UsageError, match="No module named"):
        rewriter.profile(model(SLOW))
