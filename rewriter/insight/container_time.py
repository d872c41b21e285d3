"""Finds the time of containers, the kernels that run graph bodies, and the bodies that did not run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from rewriter.cutting.calls import title_of_body
from rewriter.insight.time_by_module import Figure
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ModulePath
from rewriter.runtime.timing.kernels import Kernel


@dataclass(frozen=True, slots=True)
class ContainerTime:
    """Time of one container.

    Attributes:
        name: the name of its kernel.
        op_type: its operator.
        modules: the modules whose nodes it computes; none if unknown.
        own: its time without the kernels in its bodies, with onnxruntime's work between these kernels.
        executions: number of its executions in a run, as a mean.
        counts: number of executions of its bodies in every run: of the iterations of a Loop or Scan, or of
            the branch that an If takes.
        iterations: microseconds of the first, second, ... of these executions, as medians over the runs that
            have it, with the kernels inside and onnxruntime's work between them.
    """

    name: str
    op_type: str
    modules: tuple[ModulePath, ...]
    own: Figure
    executions: float
    counts: tuple[int, ...]
    iterations: tuple[float, ...]

    @property
    def body_runs(self) -> float:
        """The number of executions of its bodies in a run, as a median."""
        return float(np.median(self.counts))


def container_time(kernel: Kernel, modules: Sequence[ModulePath]) -> ContainerTime:
    """Return the time of a kernel that ran graph bodies."""
    columns = zip_longest(*kernel.bodies)
    return ContainerTime(
        kernel.name,
        kernel.op_type,
        tuple(modules),
        Figure.of(np.array(kernel.times)),
        kernel.count / len(kernel.times),
        tuple(len(run) for run in kernel.bodies) or (0,) * len(kernel.times),
        tuple(float(np.median([time for time in column if time is not None])) for column in columns),
    )


@dataclass(frozen=True, slots=True)
class UnrunBody:
    """A graph body without an executed kernel: `else_branch of '/If'`, and the number of its kernels."""

    title: str
    kernels: int


def unrun_bodies(optimised: GraphIndex, executed: Iterable[Kernel]) -> tuple[UnrunBody, ...]:
    """Return the outermost bodies of the optimised graph that did not run.

    A body without nodes is left out, and a body whose nodes have the names of executed kernels elsewhere.
    """
    ran = {(kernel.name, kernel.op_type) for kernel in executed}
    nodes: dict[int, list[int]] = {}
    for node, body in enumerate(optimised.body_of):
        nodes.setdefault(body, []).append(node)
    idle = {
        body
        for body, inside in nodes.items()
        if ran.isdisjoint((str(optimised.nodes[node].name), optimised.operators[node][1]) for node in inside)
    }
    return tuple(
        UnrunBody(title_of_body(optimised, body), len(nodes[body]))
        for body, each in enumerate(optimised.bodies)
        if body in idle and each.owner != NONE and each.outer not in idle
    )
