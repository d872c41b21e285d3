"""Runs two models on the same inputs in a child process, and compares values inside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import onnx

from rewriter.runtime.child.call import Task, run
from rewriter.runtime.child.job import Ended
from rewriter.runtime.compare.outcome import Stage
from rewriter.runtime.compare.value_pairs import PortRequest, PortRuns

TASK: Task[PortRuns] = Task("rewriter.runtime.compare.value_task:compare_ports")


def compare_values(
    models: Mapping[Stage, onnx.ModelProto],
    folders: Mapping[Stage, Path | None],
    request: PortRequest,
    *,
    timeout: float,
) -> PortRuns:
    """Run both models without optimisations on the same inputs and compare values at ports.

    Args:
        models: both models; external weights stay in their files.
        folders: the folders of these files.
        request: the ports to compare, and the rules of the input sets.
        timeout: seconds for everything.

    Returns:
        The results; a crash or a timeout is part of them, not raised.
    """
    found = run(TASK, request, models, folders=folders, timeout=timeout)
    if not isinstance(found, Ended):
        return found
    if isinstance(found.partial, PortRuns):  # it ended while it measured local errors
        return replace(found.partial, unmeasured=found.how)
    return PortRuns(0, (), found.how)
