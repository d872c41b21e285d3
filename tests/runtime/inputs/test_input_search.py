from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rewriter.runtime.child.job import Job
from rewriter.runtime.inputs import input_search
from rewriter.runtime.inputs.feeds import Array, Drawing
from rewriter.runtime.inputs.input import Input
from rewriter.runtime.inputs.input_search import find_inputs
from rewriter.runtime.inputs.planning import plan
from rewriter.runtime.ort.sessions import RunError
from tests.build import model

UNREAD = "g (float[a,b] x) => (float[1] y) <float[1] y = {0}> { }"


class _Session:
    """A session that gives the same for all inputs, from a least number of elements on."""

    outputs = ("y",)

    def __init__(self, least: int) -> None:
        self.least, self.tried = least, 0

    def run(self, inputs: tuple[Input, ...], feeds: dict[str, Array]) -> list[Array]:
        size = sum(array.size for array in feeds.values())
        self.tried = max(self.tried, size)
        if size < self.least:
            raise RunError("too small")
        return [np.zeros(1, np.float32)]


def _largest_tried(least: int, tmp_path: Path) -> int:
    session = _Session(least)
    drawing = Drawing(plan(model(UNREAD)), sets=1)
    find_inputs(Job(tmp_path, None, {}, 60.0), drawing, lambda: session)  # type: ignore[arg-type,return-value]
    return session.tried


def test_large_inputs_are_tried_only_if_small_ones_do_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results that never change are not informative, so that the search goes on."""
    monkeypatch.setattr(input_search, "_LARGE", 500)
    assert _largest_tried(1, tmp_path) <= 500
    assert _largest_tried(501, tmp_path) > 500
