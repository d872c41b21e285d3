"""Evaluates closed expressions by onnxruntime and by onnx's reference evaluator, in a child process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from onnx import ModelProto

from rewriter.runtime.child.call import Task, run
from rewriter.runtime.child.job import Ended

Array = NDArray[Any]
Values = tuple[Array, ...]
"""The array on which both agree in all bits; or onnxruntime's and the reference's, at most 4 ulp apart."""
TASK: Task[Mapping[str, Values]] = Task("rewriter.runtime.infer.constant_task:evaluate")


@dataclass(frozen=True, slots=True)
class ConstantRequest:
    """Request for the values of all outputs of a model without inputs."""


def evaluate(model: ModelProto, *, timeout: float) -> Mapping[str, Values]:
    """Return the outputs of a model without inputs.

    The reference evaluator computes each node from the inputs that onnxruntime computed. Outputs that either
    cannot compute, or that differ in type, shape or by more than 4 ulp, are left out. If the child crashes or
    takes too long, the result is empty.

    Args:
        model: the model.
        timeout: seconds.
    """
    found = run(TASK, ConstantRequest(), {"model": model}, timeout=timeout)
    return {} if isinstance(found, Ended) else found
