"""The other direction of `test_mutants`: edits that change nothing are certified, on every fixture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from rewriter.proof.certificate import certify
from tests.exports import FILES, turns
from tests.proof.edits import EDITS

Edit = Callable[[onnx.ModelProto, np.random.Generator], None]


@pytest.mark.parametrize("files", [turns(), pytest.param(FILES, marks=pytest.mark.thorough)], ids=len)
@pytest.mark.parametrize("edits", [*((edit,) for edit in EDITS), EDITS], ids=lambda edits: edits[-1].__name__)
def test_edits_that_change_nothing_are_certified(edits: tuple[Edit, ...], files: list[Path]) -> None:
    refused, touched = {}, 0
    for number, path in enumerate(files):
        before, after = (onnx.load(path, load_external_data=False) for _ in range(2))
        for edit in edits:
            edit(after, np.random.default_rng(number))
        touched += before != after
        found = certify(before, after, before_folder=path.parent, after_folder=path.parent)
        if not found.equal:
            refused[f"{path.parent.name}/{path.name}"] = found.difference
    assert refused == {}
    assert touched > len(files) / 5
