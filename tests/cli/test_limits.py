"""Limits on the command line: told where they end something, and never taken for an agreement."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import onnx
import pytest

from tests.cli.running import heard
from tests.cli.test_faults import BERT, fails, snapshot

VERBS = (
    "rewrite",
    "carry",
    "batch",
    "flatten",
    "verify",
    "diff",
    "profile",
    "precision",
    "extract",
    "tap",
    "untap",
    "drop",
    "split",
    "implant",
    "replace",
    "stats",
    "export",
)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is watched on Linux only")
def test_out_of_memory_is_not_passed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = heard(capsys, "verify", BERT, BERT, "--numbers", "--memory", "1MiB", "--json")
    numeric = json.loads(out)["verification"]["numeric"]
    assert code == 5  # numbers were demanded
    assert (numeric["runs"], numeric["exact"]) == (0, None)
    assert "ran out of memory: it took more than 1 MiB" in numeric["skipped"]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is watched on Linux only")
def test_a_profile_or_diff_without_memory_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = fails(capsys, tmp_path, 2, "profile", BERT, "--memory", "1MiB")
    assert "ran out of memory" in message
    assert "ran out of memory" in heard(capsys, "diff", BERT, BERT, "--memory", "1MiB")[1].replace("\n", " ")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_with_a_child_has_its_limits(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = heard(capsys, verb, "--help")
    assert code == 0
    assert "--memory" in out
    assert "--timeout" in out


@pytest.mark.parametrize("text", ["0", "much", "-4GiB"])
def test_a_wrong_size(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = fails(capsys, tmp_path, 2, "verify", BERT, BERT, "--memory", text)
    assert "write it like 4GiB" in message


def test_threads_and_shape_timeout(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = heard(capsys, "verify", BERT, BERT, "--numbers", "--threads", "2", "--json")
    assert (code, json.loads(out)["verification"]["numeric"]["exact"]) == (0, True)
    code, out, _ = heard(capsys, "stats", BERT, "--timeout", "0.01", "--json")
    assert code == 0
    assert "timed out: not done after 0.01 s" in out


def test_a_verification_that_fails_leaves_a_report_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(BERT)
    model.graph.node[0].op_type = "Nonsense"
    (tmp_path / "before.onnx").write_bytes(BERT.read_bytes())
    onnx.save(model, tmp_path / "after.onnx")
    before = snapshot(tmp_path)
    code, out, err = heard(
        capsys, "verify", tmp_path / "before.onnx", tmp_path / "after.onnx", "--no-numbers"
    )
    assert (code, err) == (5, "")
    assert "? not proved" in out
    assert snapshot(tmp_path) == before
