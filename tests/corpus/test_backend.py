"""Samples of onnx's own backend tests, rewritten every way; `benchmarks.corpus --backend` takes all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import corpus_cases
from benchmarks.corpus import files_of, process, report
from benchmarks.corpus_pool import MEMORY
from benchmarks.corpus_worker import OURS, Verdict
from tests.processes import PATIENCE


def shipped(_: Path) -> list[tuple[str, Path]]:
    """Some of the files in the wheel of onnx; there are 149, and they do not change."""
    return [(path.parent.name + path.stem, path) for path in corpus_cases.shipped()][::12]


def generated(folder: Path) -> list[tuple[str, Path]]:
    """Some of all: onnx makes one or more for each of its operators, which takes it ten seconds."""
    return list(files_of((), folder, 45))


@pytest.mark.tools("onnx", "onnxruntime")
@pytest.mark.parametrize("chosen", [shipped, pytest.param(generated, marks=pytest.mark.thorough)])
def test_a_sample_of_the_backend_tests_is_rewritten_equal(
    chosen: Callable[[Path], list[tuple[str, Path]]], tmp_path: Path
) -> None:
    paths = chosen(tmp_path)
    assert len(paths) > 10
    (results,) = process(paths, [OURS], PATIENCE, MEMORY).values()
    faults = {name: f"{each.verdict}: {each.why}" for name, each in results.items()}
    assert {name: why for name, why in faults.items() if not why.startswith("equal")} == {}
    assert all(each.proved == len(each.written) >= 2 for each in results.values())
    compared = [each for each in results.values() if not each.skipped]
    assert len(compared) > len(results) / 2
    assert all(each.compared == len(each.written) for each in compared)
    assert any(each.met for each in compared)
    assert f"| {OURS} | {len(results)} | {len(results)} | 0 |" in report(
        {OURS: results}, "", PATIENCE, MEMORY
    )


@pytest.mark.parametrize(
    ("content", "verdict", "why"),
    [(b"", Verdict.REFUSED, "the file is empty"), (b"\x7f\xff", Verdict.REFUSED, "not an ONNX model")],
    ids=["empty", "no model"],
)
def test_what_is_no_model_is_refused_with_a_reason(
    content: bytes, verdict: Verdict, why: str, tmp_path: Path
) -> None:
    (tmp_path / "file.onnx").write_bytes(content)
    ((_, result),) = process([("file", tmp_path / "file.onnx")], [OURS], PATIENCE, MEMORY)[OURS].items()
    assert result.verdict is verdict
    assert why in result.why
