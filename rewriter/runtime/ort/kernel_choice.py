"""Finds out whether onnxruntime runs a kernel of its own for an operator, or the function of the model."""

from __future__ import annotations

from pathlib import Path

from onnx import ModelProto

from rewriter.runtime.child.call import Task, demand_runtime, run
from rewriter.runtime.child.job import Ended

TASK: Task[int] = Task("rewriter.runtime.ort.executed_operators:kernel_nodes")


def runs_a_kernel(
    model: ModelProto, folder: Path | None, operator: tuple[str, str], *, timeout: float
) -> bool | Ended:
    """Load a model in a child, and return whether onnxruntime runs a kernel for an operator.

    Args:
        model: the model, which has a function for the operator.
        folder: the folder of its external data.
        operator: domain and name.
        timeout: seconds.

    Returns:
        Whether a kernel runs; the end of the child if onnxruntime does not load the model.

    Raises:
        NoRuntime: onnxruntime is not installed.
        NoScratch: temporary files cannot be written.
    """
    found = run(TASK, operator, {"model": model}, folders={"model": folder}, timeout=timeout)
    if isinstance(found, Ended):
        demand_runtime(found)
        return found
    return found > 0
