"""Runs two models on the same inputs in a child process, and compares values inside of them."""

from __future__ import annotations

from collections.abc import Mapping
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
        models: the structure of both; external weights stay in their files.
        folders: where these files lie.
        request: what to compare.
        timeout: seconds for everything.

    Returns:
        What was found; a crash or a timeout is told, never raised.
    """
    found = run(TASK, request, models, folders=folders, timeout=timeout)
    return PortRuns(0, (), found.how) if isinstance(found, Ended) else found
