"""A sample of onnx's own backend tests, rewritten every way; `benchmarks.corpus --backend` takes all."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.corpus import files_of, process, report
from benchmarks.corpus_pool import MEMORY
from benchmarks.corpus_worker import OURS, Verdict

EVERY = 45


def test_a_sample_of_the_backend_tests_is_rewritten_equal(tmp_path: Path) -> None:
    paths = list(files_of((), tmp_path, EVERY))
    (results,) = process(paths, [OURS], 60, MEMORY).values()
    faults = {name: f"{each.verdict}: {each.why}" for name, each in results.items()}
    assert {name: why for name, why in faults.items() if not why.startswith("equal")} == {}
    assert all(each.proved == len(each.written) >= 2 for each in results.values())
    compared = [each for each in results.values() if not each.skipped]
    assert len(compared) > len(results) / 2
    assert all(each.compared == len(each.written) for each in compared)
    assert any(each.met for each in compared)
    assert f"| {OURS} | {len(results)} | {len(results)} | 0 |" in report({OURS: results}, "", 60, MEMORY)


@pytest.mark.parametrize(
    ("content", "verdict", "why"),
    [(b"", Verdict.REFUSED, "the file is empty"), (b"\x7f\xff", Verdict.REFUSED, "not an ONNX model")],
    ids=["empty", "no model"],
)
def test_what_is_no_model_is_refused_with_a_reason(
    content: bytes, verdict: Verdict, why: str, tmp_path: Path
) -> None:
    (tmp_path / "file.onnx").write_bytes(content)
    ((_, result),) = process([("file", tmp_path / "file.onnx")], [OURS], 60, MEMORY)[OURS].items()
    assert result.verdict is verdict
    assert why in result.why
