"""Profiles that somebody took, told by module, against checks by hand."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import onnx
import pytest

import rewriter
from rewriter.errors import UnreadableModel
from tests import forks
from tests.build import model
from tests.exports import EXPORTS
from tests.insight.test_profile import SLOW, booked, parts


def trace(path: Path, folder: Path, *, optimised: bool = True, runs: int = 3) -> Path:
    """A profile as users take it, in a process of its own as onnxruntime may stay in memory."""
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
    done = forks.run("-c", script, path, folder / "trace", str(optimised), str(runs))
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def kernels(profile: Path) -> list[dict[str, Any]]:
    events = json.loads(profile.read_text())
    return [each for each in events if each["cat"] == "Node" and each["name"].endswith("_kernel_time")]


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


@pytest.mark.parametrize("optimised", [True, False])
def test_the_profile_of_a_grouped_file(tmp_path: Path, optimised: bool) -> None:
    rewriter.rewrite(EXPORTS / "bert" / "ts.onnx", tmp_path / "g.onnx", functions="call", numbers=False)
    taken = trace(tmp_path / "g.onnx", tmp_path, optimised=optimised)
    found = rewriter.profile(tmp_path / "g.onnx", recorded=taken)
    assert found.mapped == 1.0
    names = {each["name"] for each in kernels(taken)}
    assert len(names) <= sum(parts(found).values()) < 1.5 * len(names)  # few are shared


def test_what_is_no_trace_is_refused(tmp_path: Path) -> None:
    for content in ("", "[]", "{}", "[1]", "[" * 100_000):
        (tmp_path / "trace.json").write_text(content)
        with pytest.raises(UnreadableModel, match=r"trace\.json: .*; take it with"):
            rewriter.profile(model(SLOW), recorded=tmp_path / "trace.json")
    with pytest.raises(UnreadableModel, match="cannot be read"):
        rewriter.profile(model(SLOW), recorded=tmp_path / "none.json")
