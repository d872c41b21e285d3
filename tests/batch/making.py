"""Folders of small models, and what a batch left of them."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from rewriter.batch import Record, Request, rewrite_one
from tests.build import chain, model

QUICK = Request(numbers=False)


def folder_of(folder: Path, *names: str) -> Path:
    """Models of a few nodes, no two alike, at these places of a folder."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(chain(*(f"/layers.{each}/act/Relu" for each in range(number % 7 + 2))), path)
    return folder


def with_data(path: Path, data: str, seed: int = 0) -> Path:
    """A model whose weight lies in a file beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    proto = model('g (float[8, 8] x) => (float[8, 8] y) { ["/fc/MatMul"] y = MatMul(x, w) }')
    weight = np.random.default_rng(seed).random((8, 8), np.float32)
    proto.graph.initializer.append(numpy_helper.from_array(weight, "w"))
    onnx.save(proto, path, save_as_external_data=True, location=data, size_threshold=0)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """All that was written, but for the ledger."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "rewriter-batch" not in path.name
    }


def lines(folder: Path) -> list[dict[str, Any]]:
    """The records of a ledger, as written."""
    text = (folder / "rewriter-batch.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


GATE = "REWRITER_TEST_GATE"
"""In the environment: a folder, its ledger being counted, and how many records shut the gate."""


def gated(source: str, target: str, request: Request) -> Record:
    """Work that begins no file once the ledger has so many records, until there is a file `open`."""
    folder, _, most = os.environ[GATE].rpartition(":")
    while recorded(Path(folder)) >= int(most) and not Path(f"{folder}.open").exists():
        time.sleep(0.01)
    return rewrite_one(source, target, request)


def recorded(folder: Path) -> int:
    """Records of a ledger that are whole."""
    ledger = folder / "rewriter-batch.jsonl"
    return ledger.read_bytes().count(b"\n") if ledger.exists() else 0


def dies_at_poison(source: str, target: str, request: Request) -> Record:
    """Work that kills its process at some files: always, or where it says once, the first time."""
    name = Path(source).name
    tried = Path(source).with_suffix(".tried")
    if name.startswith("poison") or (name.startswith("once") and not tried.exists()):
        tried.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return rewrite_one(source, target, request)


def hangs(source: str, target: str, request: Request) -> Record:
    """Work that never ends at a file named so; it notes that it began."""
    if Path(source).name.startswith("hangs"):
        Path(source).with_suffix(".begun").touch()
        time.sleep(3600)
    return rewrite_one(source, target, request)
