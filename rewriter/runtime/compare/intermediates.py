"""Runs one model in a child process and returns the fingerprints of the values of its main graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx

from rewriter.errors import UsageError
from rewriter.runtime.child.call import Task, demand_runtime, run
from rewriter.runtime.child.job import Ended
from rewriter.runtime.compare.fingerprints import MOST_BYTES, Fingerprint, Watch
from rewriter.runtime.inputs.feeds import Array

TASK: Task[dict[str, Fingerprint]] = Task("rewriter.runtime.compare.fingerprint_task:take_fingerprints")


def intermediates(
    model: onnx.ModelProto,
    folder: Path | None,
    feeds: Mapping[str, Array],
    *,
    most_bytes: int = MOST_BYTES,
    timeout: float = 600.0,
) -> dict[str, Fingerprint]:
    """Return the fingerprints of the values that nodes of the main graph write, by name.

    Empty values, and values that are no tensors of booleans or real numbers, are left out.

    Args:
        model: the model; external weights stay in their files.
        folder: the folder of these files.
        feeds: an array for every input.
        most_bytes: maximum bytes of values held at a time; a larger value is held alone.
        timeout: seconds for everything.

    Raises:
        UsageError: the model does not run on these inputs, or not within the limits.
        NoRuntime: onnxruntime does not import here.
    """
    watch = Watch({name: np.asarray(array) for name, array in feeds.items()}, most_bytes)
    found = run(TASK, watch, {"model": model}, folders={"model": folder}, timeout=timeout)
    if isinstance(found, Ended):
        demand_runtime(found)
        raise UsageError(f"the model does not run on the sample inputs: {found.how}")
    return found
