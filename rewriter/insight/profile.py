"""Where the time goes: the kernels of onnxruntime, told by module and by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from onnx import ModelProto

from rewriter.insight.kernel_map import KernelMap
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.paths import ModulePath
from rewriter.runtime.feeds import Array, plan
from rewriter.runtime.kernels import Kernel, KernelProfile
from rewriter.runtime.profiling import Asked, Profiled, profile_runs
from rewriter.runtime.protocol import one_line
from rewriter.runtime.signature import FeedError

Times = npt.NDArray[np.float64]
"""Microseconds, a run each."""

UNKNOWN = "unknown"
"""The class of modules whose class nobody knows."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Microseconds of a run: means add up, medians are steady; half of the runs lie from `low` to `high`."""

    mean: float
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, times: Times) -> Figure:
        """The figures of the runs."""
        low, median, high = np.percentile(times, (25, 50, 75))
        return cls(float(times.mean()), float(median), float(low), float(high))


@dataclass(frozen=True, slots=True)
class ModuleTime:
    """The time of one module.

    Attributes:
        path: which module.
        class_name: its class; None where nobody knows.
        own: of the kernels of its own nodes.
        total: the same with all modules below.
        shared: the part of the mean of `own` that is its share of kernels of several modules.
        kernels: how many kernels it has part in itself.
        output_bytes: what these write in a run, likewise shared.
    """

    path: ModulePath
    class_name: str | None
    own: Figure
    total: Figure
    shared: float
    kernels: int
    output_bytes: float


@dataclass(frozen=True, slots=True)
class ClassTime:
    """The own time of all modules of one class; their number counts those that have any."""

    class_name: str
    own: Figure
    modules: int


@dataclass(frozen=True, slots=True)
class Profile:
    """The time of a model by module.

    Attributes:
        analysis: the model.
        runs: how many runs were measured; 0 where there is no profile.
        modules: every module, in tree order.
        classes: the slowest class first.
        unmapped: kernels of which nobody knows the module.
        unmapped_kernels: their names, the slowest first.
        total: of all kernels.
        span: of whole runs on the wall, onnxruntime's own work included.
        shared: the part of the mean of `total` that kernels of several modules take.
        peak_bytes: the most memory that onnxruntime had in use; 0 where it does not tell.
        skipped: why there is no profile.
    """

    analysis: Analysis
    runs: int
    modules: tuple[ModuleTime, ...] = ()
    classes: tuple[ClassTime, ...] = ()
    unmapped: Figure = Figure(0, 0, 0, 0)
    unmapped_kernels: tuple[str, ...] = ()
    total: Figure = Figure(0, 0, 0, 0)
    span: Figure = Figure(0, 0, 0, 0)
    shared: float = 0.0
    peak_bytes: int = 0
    skipped: str | None = None

    @property
    def mapped(self) -> float:
        """The share of the time of kernels whose module is known, 0 to 1."""
        return 1 - self.unmapped.mean / self.total.mean if self.total.mean else 1.0


def profile(
    analysis: Analysis,
    *,
    inputs: Mapping[str, Array] | None = None,
    rounds: int = 20,
    warmup: int = 3,
    threads: int = 0,
    timeout: float = 600.0,
) -> Profile:
    """Run a model under onnxruntime's profiler, with its default optimisations, and tell time by module.

    Args:
        analysis: the model.
        inputs: input -> array; drawn where None.
        rounds: runs that are measured.
        warmup: runs before them.
        threads: for one operator; 0 for as many as onnxruntime chooses.
        timeout: seconds for everything.
    """
    try:
        drawing = plan(analysis.model)
    except FeedError as error:
        return Profile(analysis, 0, skipped=one_line(f"no inputs can be drawn: {error}"))
    found = profile_runs(
        analysis.model,
        _folder(analysis),
        drawing,
        Asked(rounds, warmup, threads),
        given=inputs,
        rename=True,
        timeout=timeout,
    )
    if found.kernels is None:
        return Profile(analysis, 0, skipped=found.skipped)
    return told(analysis, found.kernels, found)


def profile_of(
    analysis: Analysis, model: ModelProto, kernels: KernelProfile, *, timeout: float = 600.0
) -> Profile:
    """Tell the time of a profile that somebody took of a model.

    onnxruntime optimises the model once more, without running it, to learn what its kernels stand for. That
    tells all if the profile was taken by the same version with its default optimisations; of other kernels
    the names count.

    Args:
        analysis: the model, flat.
        model: the same as it was profiled, which may have functions.
        kernels: the profile.
        timeout: seconds for onnxruntime.
    """
    asked = Asked(0, 0, 1)
    found = profile_runs(model, _folder(analysis), None, asked, given=None, rename=False, timeout=timeout)
    names = tuple(str(node.name) for node in analysis.graph.nodes)
    return told(analysis, kernels, Profiled(names, kernels, found.optimised))


def told(analysis: Analysis, kernels: KernelProfile, found: Profiled) -> Profile:
    """Share the time of kernels out among modules: equally among those whose nodes a kernel computes."""
    names = [kernel.name for kernel in kernels.kernels]
    book = _Book(
        analysis, KernelMap(analysis.graph, found.names, names, found.optimised), len(kernels.totals)
    )
    for kernel in kernels.kernels:
        book.enter(kernel)
    unmapped = sorted(book.unmapped, key=lambda kernel: -sum(kernel.times))
    return Profile(
        analysis,
        len(kernels.totals),
        book.modules(),
        book.classes(),
        Figure.of(sum((np.array(each.times) for each in unmapped), np.zeros(len(kernels.totals)))),
        tuple(each.name for each in unmapped),
        Figure.of(np.array(kernels.totals)),
        Figure.of(np.array(kernels.spans)),
        book.shared_time / len(kernels.totals),
        kernels.peak,
    )


class _Book:
    """The account of every module."""

    def __init__(self, analysis: Analysis, kernel_map: KernelMap, runs: int) -> None:
        self.tree = analysis.tree
        self.map = kernel_map
        self.runs = runs
        self.own: dict[ModulePath, Times] = {}
        self.shared: dict[ModulePath, float] = {}
        self.kernels: dict[ModulePath, int] = {}
        self.bytes: dict[ModulePath, float] = {}
        self.unmapped: list[Kernel] = []
        self.shared_time = 0.0

    def enter(self, kernel: Kernel) -> None:
        """Book one kernel."""
        modules = self._modules_of(self.map.nodes(kernel.name, kernel.op_type))
        if not modules:
            self.unmapped.append(kernel)
            return
        part = 1 / len(modules)
        times: Times = np.array(kernel.times) * part
        if len(modules) > 1:
            self.shared_time += sum(kernel.times)
        for path in modules:
            self.own[path] = self.own.get(path, np.zeros(self.runs)) + times
            self.kernels[path] = self.kernels.get(path, 0) + 1
            written = kernel.memory.output * part * kernel.count / self.runs
            self.bytes[path] = self.bytes.get(path, 0.0) + written
            if len(modules) > 1:
                self.shared[path] = self.shared.get(path, 0.0) + float(times.mean())

    def _modules_of(self, nodes: Sequence[int]) -> list[ModulePath]:
        places = (self.tree.placements[node] for node in nodes)
        return list(dict.fromkeys(place.module for place in places if place is not None))

    def modules(self) -> tuple[ModuleTime, ...]:
        """The time of every module."""
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
            self.bytes.get(path, 0.0),
        )

    def classes(self) -> tuple[ClassTime, ...]:
        """The time of every class."""
        times: dict[str, Times] = {}
        counts: dict[str, int] = {}
        for module in self.tree:
            if module.path in self.own:
                name = module.class_name or UNKNOWN
                times[name] = times.get(name, np.zeros(self.runs)) + self.own[module.path]
                counts[name] = counts.get(name, 0) + 1
        found = [ClassTime(name, Figure.of(each), counts[name]) for name, each in times.items()]
        return tuple(sorted(found, key=lambda each: (-each.own.mean, each.class_name)))


def _folder(analysis: Analysis) -> Path | None:
    return analysis.path.parent.resolve() if analysis.path else None
