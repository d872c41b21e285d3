"""Time by module: everything is booked once, on the module that computes it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest

import rewriter
from rewriter.insight.profile import Profile
from rewriter.refusals import UnreadableModel, UsageError
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
    return sum(module.own.mean for module in found.modules) + found.unmapped.mean


def parts(found: Profile) -> dict[str, int]:
    """Module -> how many kernels it has part in."""
    return {str(each.path): each.kernels for each in found.modules}


def trace(path: Path, folder: Path, *, optimised: bool = True, runs: int = 3) -> Path:
    """A profile as users take it, in a process of its own as onnxruntime may stay in memory."""
    import subprocess
    import sys

    script = (
        "import sys, numpy, onnxruntime as ort\n"
        "path, prefix, optimised, runs = sys.argv[1:]\n"
        "o = ort.SessionOptions(); o.enable_profiling = True; o.profile_file_prefix = prefix\n"
        "o.intra_op_num_threads = 1; o.log_severity_level = 4\n"
        "if optimised == 'False': o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL\n"
        "s = ort.InferenceSession(path, o, providers=['CPUExecutionProvider'])\n"
        "types = {'tensor(float)': 'float32', 'tensor(int64)': 'int64'}\n"
        "feeds = {i.name: numpy.ones([d if isinstance(d, int) else 4 for d in i.shape], types[i.type])\n"
        "         for i in s.get_inputs()}\n"
        "for _ in range(int(runs)): s.run(None, feeds)\n"
        "print(s.end_profiling())\n"
    )
    words = [sys.executable, "-c", script, str(path), str(folder / "trace"), str(optimised), str(runs)]
    return Path(subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip())


def kernels(profile: Path) -> list[dict[str, Any]]:
    events = json.loads(profile.read_text())
    return [each for each in events if each["cat"] == "Node" and each["name"].endswith("_kernel_time")]


@pytest.mark.parametrize("name", SIX)
def test_nearly_all_time_is_mapped_and_booked_once(name: str) -> None:
    found = rewriter.profile(EXPORTS / f"{name}.onnx", rounds=5, warmup=1, threads=1)
    assert found.mapped >= 0.98
    assert found.runs == 5
    assert booked(found) == pytest.approx(found.total.mean, abs=1e-6)
    root = found.modules[0]
    assert root.total.mean + found.unmapped.mean == pytest.approx(found.total.mean, abs=1e-6)
    assert sum(each.own.mean for each in found.classes) == pytest.approx(root.total.mean, abs=1e-6)
    assert found.peak_bytes > 0


def test_sums_are_those_of_the_profile_of_onnxruntime(tmp_path: Path) -> None:
    path = EXPORTS / "bert" / "dy.onnx"
    taken = trace(path, tmp_path)
    found = rewriter.profile(path, recorded=taken)
    durations = sum(each["dur"] for each in kernels(taken))
    assert found.runs == 3
    assert booked(found) * found.runs == pytest.approx(durations, abs=1e-3)
    assert found.mapped >= 0.98


@pytest.mark.parametrize("optimised", [True, False])
def test_a_slow_module_against_a_check_by_hand(tmp_path: Path, optimised: bool) -> None:
    onnx.save(model(SLOW), tmp_path / "slow.onnx")
    taken = trace(tmp_path / "slow.onnx", tmp_path, optimised=optimised, runs=9)
    by_hand: dict[str, float] = defaultdict(float)
    for each in kernels(taken):
        _, outer, inner, _ = each["name"].split("/")
        for path in ("", outer, f"{outer}.{inner}"):
            by_hand[path] += each["dur"] / 9
    found = rewriter.profile(tmp_path / "slow.onnx", recorded=taken)
    assert {str(each.path): each.total.mean for each in found.modules} == pytest.approx(by_hand)
    medians = {str(each.path): each.total.median for each in found.modules}
    assert medians["slow"] > 2 * medians["fast"]


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
    tagged = rewriter.rewrite(proto, numbers=False, sidecar=False).analysis.model
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
    assert found.shared == found.total.mean > 0
    assert times["fc"].own == times["act"].own
    assert times["fc"].shared == times["fc"].own.mean == pytest.approx(found.total.mean / 2)


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
def test_grouped_files_are_profiled_flat(tmp_path: Path, functions: str) -> None:
    source = EXPORTS / "bert" / "dy.onnx"
    rewriter.rewrite(source, tmp_path / "g.onnx", functions=functions, numbers=False)
    flat, found = (
        rewriter.profile(path, rounds=1, warmup=0, threads=1) for path in (source, tmp_path / "g.onnx")
    )
    assert found.mapped == 1.0
    assert parts(found) == parts(flat)


@pytest.mark.parametrize("optimised", [True, False])
def test_the_profile_of_a_grouped_file(tmp_path: Path, optimised: bool) -> None:
    rewriter.rewrite(EXPORTS / "bert" / "ts.onnx", tmp_path / "g.onnx", functions="call", numbers=False)
    taken = trace(tmp_path / "g.onnx", tmp_path, optimised=optimised)
    found = rewriter.profile(tmp_path / "g.onnx", recorded=taken)
    assert found.mapped == 1.0
    names = {each["name"] for each in kernels(taken)}
    assert len(names) <= sum(parts(found).values()) < 1.5 * len(names)  # few are shared


def test_inputs_of_users_are_taken() -> None:
    inputs: Mapping[str, Any] = {"x": np.zeros((256, 256), np.float32)}
    assert rewriter.profile(model(SLOW), inputs=inputs, rounds=1).runs == 1
    with pytest.raises(UsageError, match="'x' has shape"):
        rewriter.profile(model(SLOW), inputs={"x": np.zeros((3, 3), np.float32)})


def test_a_model_that_does_not_run_is_refused() -> None:
    with pytest.raises(UsageError, match="Nonsense"):
        rewriter.profile(model(SLOW.replace("Tanh(", "Nonsense(")))


def test_what_is_no_trace_is_refused(tmp_path: Path) -> None:
    for content in ("", "[]", "{}", "[1]", "[" * 100_000):
        (tmp_path / "trace.json").write_text(content)
        with pytest.raises(UnreadableModel, match=r"trace\.json: .*; take it with"):
            rewriter.profile(model(SLOW), recorded=tmp_path / "trace.json")
    with pytest.raises(UnreadableModel, match="cannot be read"):
        rewriter.profile(model(SLOW), recorded=tmp_path / "none.json")


def test_a_crash_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rewriter.runtime.profiling._WORKER", "rewriter.runtime.no_such_worker")
    with pytest.raises(UsageError, match="No module named"):
        rewriter.profile(model(SLOW))
