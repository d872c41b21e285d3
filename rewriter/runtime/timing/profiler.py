"""Runs a model under onnxruntime's profiler in a child process, with onnxruntime's default optimisations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx

from rewriter.model.index.graph import GraphIndex
from rewriter.runtime.child.call import Task, demand_runtime, run
from rewriter.runtime.child.job import Ended
from rewriter.runtime.timing.kernels import Asked, KernelProfile

TASK: Task[tuple[bytes, KernelProfile | None]] = Task("rewriter.runtime.timing.task:profile_model")


@dataclass(frozen=True, slots=True)
class Profiled:
    """Result of a profile: kernels (None if the model was not run) and optimised graph without large weights.

    If there is no result, `skipped` has the reason. `names` are the names of the model's nodes in the
    profile, in the order of its `GraphIndex`. They are distinct; there are none unless `profile_runs` renamed
    the nodes.
    """

    names: tuple[str, ...] = ()
    kernels: KernelProfile | None = None
    optimised: onnx.ModelProto | None = None
    skipped: str | None = None


def profile_runs(
    model: onnx.ModelProto, folder: Path | None, asked: Asked, *, rename: bool, timeout: float
) -> Profiled:
    """Run a model under the profiler, or only let onnxruntime optimise it.

    Args:
        model: the model, not changed; external weights stay in their files.
        folder: the folder of these files.
        asked: settings of the profile.
        rename: whether to give every node a unique name first, so that every kernel can be identified.
        timeout: seconds for everything.

    Returns:
        The result; a crash or a timeout is part of it, not raised.

    Raises:
        NoRuntime: onnxruntime does not import here.
    """
    names: list[str] = []
    found = run(
        TASK,
        asked,
        {"model": model},
        folders={"model": folder},
        edit=(lambda _, sent: names.extend(_name_nodes(sent))) if rename else None,
        timeout=timeout,
    )
    if isinstance(found, Ended):
        demand_runtime(found)
        return Profiled(skipped=found.how)
    optimised, kernels = found
    return Profiled(tuple(names), kernels, onnx.ModelProto.FromString(optimised))


def _name_nodes(model: onnx.ModelProto) -> list[str]:
    """Give every node a unique name; a node keeps its name unless it is empty, no text, or taken before."""
    nodes = GraphIndex(model).nodes
    taken: set[str] = set()
    for number, node in enumerate(nodes):
        name = node.name
        if not isinstance(name, str) or not name or name in taken:
            name = f"{node.op_type}#{number}"
            while name in taken:
                name += "'"
            node.name = name
        taken.add(name)
    return [node.name for node in nodes]
