"""Each hostile file gets its line and its exit code, soon, in little memory, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from rewriter.passes.sort import sort
from tests.hostile.cases import CASES, DONE
from tests.hostile.judging import SECRET, judge, judge_files, write
from tests.hostile.watched import Watch


@pytest.mark.parametrize("name", CASES)
def test_hostile_file(name: str, tmp_path: Path, watch: Watch) -> None:
    case = CASES[name]
    path = write(case, tmp_path)
    out = tmp_path / "out"
    numbers = [] if case.numbers else ["--no-numbers"]
    common = ("--copy-data", "--timeout", "4")
    commands: list[tuple[int, tuple[str | Path, ...]]] = [
        (case.tree, ("tree", path)),
        (case.tree if case.doctor is None else case.doctor, ("doctor", path)),
        (case.annotate, ("rewrite", path, "-o", out / "a.onnx", *numbers, *common)),
        (
            case.group,
            ("rewrite", path, "-o", out / "g.onnx", "--functions", "shared", "--no-numbers", *common),
        ),
        (case.verify, ("verify", path, path, "--no-numbers")),
    ]
    for code, words in commands:
        ran = watch.run(*case.options, *words)
        judge(ran, code, case.words, path)
        judge_files(ran, tmp_path)
    done = {"a.onnx": case.annotate == DONE, "g.onnx": case.group == DONE}
    assert {each.name for each in out.glob("*.onnx")} == {each for each, is_done in done.items() if is_done}
    assert (tmp_path / "outside" / "secret.data").read_bytes() == SECRET
    if case.annotate == DONE:
        assert watch.run("verify", path, out / "a.onnx", "--no-numbers").code == DONE
        unharmed(path, out / "a.onnx")


def unharmed(before: Path, after: Path) -> None:
    """All that annotating may add is metadata, and the IR version that has it; nodes are sorted first."""
    left, right = (onnx.load(each, load_external_data=False) for each in (before, after))
    sort(left)
    for each in (left, right):
        each.ClearField("metadata_props")
        each.ClearField("ir_version")
        for node in (*each.graph.node, *(node for function in each.functions for node in function.node)):
            node.ClearField("metadata_props")
    assert left.SerializeToString(deterministic=True) == right.SerializeToString(deterministic=True)


def test_onnxruntime_leaves_nothing_in_the_cache(tmp_path: Path, watch: Watch, cache: Path) -> None:
    path = write(CASES["legal: plain"], tmp_path)
    ran = watch.run("verify", path, path, "--numbers")
    assert "bit for bit the same" in ran.out
    assert not [*cache.iterdir()]


def test_a_limit_is_raised(tmp_path: Path, watch: Watch) -> None:
    path = write(CASES["size: scopes"], tmp_path)
    ran = watch.run("--limit", "nodes=1999", "tree", path)
    judge(ran, 3, "over the limit of 1,999; to allow more, raise it with 'rewriter --limit nodes=", path)
    assert watch.run("--limit", "nodes=2000", "tree", path).code == DONE
    assert watch.run("--limit", "nodes=1999", "--limit", "nodes=2000", "tree", path).code == 2
    assert watch.run("--limit", "nodes", "tree", path).code == 2
