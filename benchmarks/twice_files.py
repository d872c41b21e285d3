"""Lays out the files that commands of `benchmarks.twice` read, and reads the files that they wrote."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import onnx
import onnxruntime

import rewriter
from benchmarks.masking import masked_file
from rewriter.runtime.inputs.planning import plan


def contents(folder: Path) -> dict[str, str]:
    """Return the digest of every file below a folder, by path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(masked_file(path)).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def conflicts_of(path: Path, like: Path | None = None) -> Counter[tuple[str, ...]]:
    """Count the nodes with conflicts, by their module and the modules that other evidence names instead."""
    placements = rewriter.tree(path, like=like).placements
    return Counter((place.module, *place.conflicting) for place in placements if place and place.conflicting)


def copy(path: Path, target: Path) -> None:
    """Copy a model under a new name, and its external data under the old name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, target)
    for data in path.parent.glob(f"{path.name}.*"):
        shutil.copy(data, target.parent)


def lay_out(path: Path, folders: Sequence[Path]) -> bool:
    """Put a file into the folders; if it runs, also its profile and the model that onnxruntime fused."""
    first = folders[0]
    copy(path, first / "m.onnx")
    runs = _run(path, first / "fused.onnx", first / "profile.json")
    for folder in folders[1:]:
        for each in first.iterdir():
            shutil.copy(each, folder)
    return runs


def _run(path: Path, fused: Path, profile: Path) -> bool:
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.optimized_model_filepath = str(fused)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.profile_file_prefix = str(profile.with_name("taken"))
    session = None
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        inputs = plan(onnx.load(path))
        session.run(None, inputs.fill(inputs.choices()[0], 0))
    except Exception:  # onnxruntime's errors have no other common base
        if session is not None:
            Path(session.end_profiling()).unlink()
        return False
    Path(session.end_profiling()).rename(profile)
    return True
