"""Runs two models on the same inputs in this process, which may crash: it is for use in `corpus_worker`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx

from benchmarks.corpus_cases import Recorded, recorded
from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.compare.tolerance import Deviation, difference
from rewriter.runtime.inputs.input import FeedError, Input
from rewriter.runtime.inputs.signature import signature
from rewriter.runtime.ort.sessions import RunError, Session
from rewriter.verdict.numbers import compare

SEED, OTHER = 0, 100_003
TOLERANCE = 1e-3
"""Allowed deviation relative to the largest magnitude: for tools that fold or fuse, and recorded outputs."""
SECONDS = 40.0

Results = list[list[Any]]


class Runs:
    """Runs of an original, with which other models are compared.

    Attributes:
        skipped: the reason why the runs allow no comparison; None if they do.
        met: whether the original gives the recorded outputs; None if there are none, or if it does not run.
    """

    def __init__(self, model: onnx.ModelProto, path: Path, scratch: Path) -> None:
        self.model, self.folder, self.scratch = model, path.parent, scratch
        self.recorded = recorded(model, path)
        self.skipped: str | None = None
        self.met: bool | None = None
        self.names: tuple[str, ...] = ()
        if not self.recorded:
            return  # `against` draws inputs, in a child process of the rewriter
        try:
            self.results = self._run(model, SEED)
            again = self._run(model, OTHER)
        except (RunError, FeedError, TypeError, ValueError) as error:
            self.skipped = one_line(f"the original does not run: {error}")
            return
        self.met = self._meets(self.results)
        if _apart(self.results, again) is not None:
            self.skipped = "two runs of the original differ"

    def against(self, model: onnx.ModelProto) -> tuple[bool | None, str, float]:
        """Return whether another model gives the same bits, the reason if not, and the relative deviation.

        The first is None if the original cannot be compared. The deviation is infinite if the other model
        does not run or has other outputs.
        """
        if self.skipped:
            return None, self.skipped, 0.0
        if not self.recorded:
            return self._drawn(model)
        names = self.names
        try:
            results = self._run(model, SEED)
        except (RunError, FeedError, TypeError, ValueError) as error:
            return False, one_line(f"does not run: {error}"), float("inf")
        if names != self.names:
            return False, f"outputs {self.names} instead of {names}", float("inf")
        apart = _apart(self.results, results)
        if apart is None:
            return True, "", 0.0
        return False, f"off by {apart.largest}, {apart.where}", apart.relative

    def _drawn(self, model: onnx.ModelProto) -> tuple[bool | None, str, float]:
        """Compare as `against` does, on drawn inputs."""
        found = compare(
            self.model,
            model,
            before_folder=self.folder,
            after_folder=self.folder,
            timeout=SECONDS,
            sets=1,
        )
        if found.skipped:
            self.skipped = found.skipped
            return None, found.skipped, 0.0
        why = found.error or f"output {found.worst_output}: off by {found.max_abs}, {found.where}"
        return found.exact, "" if found.exact else why, found.relative or 0.0

    def _run(self, model: onnx.ModelProto, seed: int) -> Results:
        file = self.scratch / "session.onnx"
        file.write_bytes(model.SerializeToString())
        session = Session(file, str(self.folder), optimised=False, seed=seed)
        self.names = session.outputs
        return [session.run(_inputs(model, feeds), feeds) for feeds, _ in self.recorded]

    def _meets(self, results: Results) -> bool:
        for (_, expected), found in zip(self.recorded, results, strict=True):
            for left, right in zip(expected, found, strict=False):
                apart = difference(left, right)
                if apart is not None and apart.relative > TOLERANCE:
                    return False
        return True


def _inputs(model: onnx.ModelProto, feeds: Recorded) -> tuple[Input, ...]:
    """Return the signature; if some inputs are no tensors, return the types of the given arrays instead."""
    try:
        return tuple(each for each in signature(model) if each.name in feeds)
    except FeedError:
        return tuple(
            Input(name, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), None)
            for name, value in feeds.items()
            if isinstance(value, np.ndarray) and value.dtype != object
        )


def _apart(before: Results, after: Results) -> Deviation | None:
    """Return the first deviation; None if there is none."""
    for left, right in zip(before, after, strict=True):
        if len(left) != len(right):
            return Deviation(float("inf"), "number of outputs")
        for position, pair in enumerate(zip(left, right, strict=True)):
            if (found := difference(*pair, f"output {position}")) is not None:
                return found
    return None
