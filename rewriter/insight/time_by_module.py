"""Divides the time of each kernel among the modules whose nodes the kernel computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rewriter.insight.kernel_map import KernelMap
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.paths import ModulePath
from rewriter.runtime.timing.kernels import Kernel

Times = npt.NDArray[np.float64]
"""Microseconds, one element per run."""

UNKNOWN = "unknown"
"""Name for the class of modules whose class is unknown."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Microseconds of a run: mean, median and quartiles over all runs.

    The mean of a sum is the sum of the means; the median is robust against slow runs.
    """

    mean: float
    median: float
    low: float
    high: float

    @property
    def spread(self) -> float | None:
        """Half the distance from `low` to `high`, as a share of the median; None if the median is 0."""
        return (self.high - self.low) / 2 / self.median if self.median else None

    @classmethod
    def of(cls, times: Times) -> Figure:
        """Summarise the times of several runs."""
        low, median, high = np.percentile(times, (25, 50, 75))
        return cls(float(times.mean()), float(median), float(low), float(high))


NO_TIME = Figure(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class ModuleTime:
    """Time of one module. The time of a kernel of several modules is divided equally among them.

    Attributes:
        path: its path.
        class_name: its class; None if unknown.
        own: time of the kernels of its own nodes.
        total: time of the kernels of its own nodes and of all modules below.
        shared: the part of the mean of `own` that comes from kernels of several modules.
        kernels: number of kernels that compute its own nodes.
        executions: how often these kernels were executed in a run, as a mean; in a Loop or Scan a kernel is
            executed in every iteration.
        output_bytes: bytes that these kernels write in a run, divided in the same way.
    """

    path: ModulePath
    class_name: str | None
    own: Figure
    total: Figure
    shared: float
    kernels: int
    executions: float
    output_bytes: float


@dataclass(frozen=True, slots=True)
class ClassTime:
    """Sum of the own times of all modules of one class; `modules` counts the modules with a kernel."""

    class_name: str
    own: Figure
    modules: int


class TimeByModule:
    """Collector of kernels that adds up the time of every module.

    Kernels without a known module are apart: containers in `container_times`, the others in `unmapped`, and
    the time of those whose nodes are unknown in `unlocated_times`.
    """

    def __init__(self, analysis: Analysis, kernel_map: KernelMap, runs: int) -> None:
        self.tree = analysis.tree
        self.map = kernel_map
        self.runs = runs
        self.own: dict[ModulePath, Times] = {}
        self.shared: dict[ModulePath, float] = {}
        self.kernels: dict[ModulePath, int] = {}
        self.executions: dict[ModulePath, float] = {}
        self.bytes: dict[ModulePath, float] = {}
        self.unmapped: list[Kernel] = []
        self.containers: list[tuple[Kernel, list[ModulePath]]] = []
        self.container_times: Times = np.zeros(runs)
        self.unlocated_times: Times = np.zeros(runs)
        self.shared_times: Times = np.zeros(runs)

    def add(self, kernel: Kernel) -> None:
        """Divide the time and output bytes of a kernel equally among its modules."""
        nodes = self.map.nodes(kernel.name, kernel.op_type)
        modules = self._modules_of(nodes)
        if kernel.is_container:
            self.containers.append((kernel, modules))
        if not modules:
            if kernel.is_container:
                self.container_times += np.array(kernel.times)
            else:
                self.unmapped.append(kernel)
                if not nodes:
                    self.unlocated_times += np.array(kernel.times)
            return
        part = 1 / len(modules)
        times: Times = np.array(kernel.times) * part
        if len(modules) > 1:
            self.shared_times += np.array(kernel.times)
        for path in modules:
            self.own[path] = self.own.get(path, np.zeros(self.runs)) + times
            self.kernels[path] = self.kernels.get(path, 0) + 1
            self.executions[path] = self.executions.get(path, 0.0) + kernel.count / self.runs
            written = kernel.memory.output * part * kernel.count / self.runs
            self.bytes[path] = self.bytes.get(path, 0.0) + written
            if len(modules) > 1:
                self.shared[path] = self.shared.get(path, 0.0) + float(times.mean())

    def _modules_of(self, nodes: Sequence[int]) -> list[ModulePath]:
        places = (self.tree.placements[node] for node in nodes)
        return list(dict.fromkeys(place.module for place in places if place is not None))

    def modules(self) -> tuple[ModuleTime, ...]:
        """Return the time of every module, in tree order."""
        totals: dict[ModulePath, Times] = {}
        for module in self.tree.innermost_first():
            own = self.own.get(module.path, np.zeros(self.runs))
            totals[module.path] = own + sum(totals[child] for child in module.children)
        return tuple(self._time(module, totals[module.path]) for module in self.tree)

    def _time(self, module: Module, total: Times) -> ModuleTime:
        path = module.path
        return ModuleTime(
            path,
            module.class_name,
            Figure.of(self.own.get(path, np.zeros(self.runs))),
            Figure.of(total),
            self.shared.get(path, 0.0),
            self.kernels.get(path, 0),
            self.executions.get(path, 0.0),
            self.bytes.get(path, 0.0),
        )

    def classes(self) -> tuple[ClassTime, ...]:
        """Return the time of every class with a kernel, the slowest first by medians."""
        times: dict[str, Times] = {}
        counts: dict[str, int] = {}
        for module in self.tree:
            if module.path in self.own:
                name = module.class_name or UNKNOWN
                times[name] = times.get(name, np.zeros(self.runs)) + self.own[module.path]
                counts[name] = counts.get(name, 0) + 1
        found = [ClassTime(name, Figure.of(each), counts[name]) for name, each in times.items()]
        return tuple(sorted(found, key=lambda each: (-each.own.median, each.class_name)))
