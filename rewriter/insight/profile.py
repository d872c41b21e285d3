"""Profiles a model in onnxruntime and attributes the time of kernels to modules and classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
from onnx import ModelProto

from rewriter.basics.display import Display, counted, listed
from rewriter.errors import UnreadableModel
from rewriter.insight.container_time import ContainerTime, UnrunBody, container_time, unrun_bodies
from rewriter.insight.kernel_map import KernelMap
from rewriter.insight.time_by_module import NO_TIME, ClassTime, Figure, ModuleTime, TimeByModule
from rewriter.modules.analysis import Analysis
from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.inputs.feeds import Array, Drawing
from rewriter.runtime.inputs.input import FeedError
from rewriter.runtime.inputs.planning import plan
from rewriter.runtime.timing.kernels import Asked, KernelProfile, ProfileError, parse_events, read_profile
from rewriter.runtime.timing.profiler import Profiled, profile_runs


@dataclass(frozen=True, slots=True, repr=False)
class Profile(Display):
    """The time of a model by module.

    Attributes:
        analysis: the model.
        runs: number of measured runs; 0 without a profile.
        modules: time of every module, in tree order.
        classes: time of every class with a kernel, the slowest first by medians.
        containers: time of every kernel that runs graph bodies, without the kernels inside.
        outside: the part of the containers whose module is unknown.
        unrun: graph bodies that did not run, if onnxruntime's optimised graph is known.
        unmapped: time of the other kernels whose module is unknown.
        unlocated: the part of `unmapped` whose nodes are unknown; the nodes of the rest are in no module.
        unmapped_kernels: names of these kernels, the slowest first by medians.
        total: time of all kernels.
        span: wall time of whole runs, including onnxruntime's own work.
        shared: the part of `total` spent in kernels of several modules.
        peak_bytes: peak memory of onnxruntime; 0 if the profile does not state it.
        skipped: the reason why there is no profile; None if there is one.
    """

    analysis: Analysis
    runs: int
    modules: tuple[ModuleTime, ...] = ()
    classes: tuple[ClassTime, ...] = ()
    containers: tuple[ContainerTime, ...] = ()
    outside: Figure = NO_TIME
    unrun: tuple[UnrunBody, ...] = ()
    unmapped: Figure = NO_TIME
    unlocated: Figure = NO_TIME
    unmapped_kernels: tuple[str, ...] = ()
    total: Figure = NO_TIME
    span: Figure = NO_TIME
    shared: Figure = NO_TIME
    peak_bytes: int = 0
    skipped: str | None = None

    @property
    def mapped(self) -> float:
        """The share of kernel time whose module is known, 0 to 1, by medians; 1 if the total is 0."""
        return max(0.0, 1 - self.share_of(self.unmapped) - self.share_of(self.outside))

    def share_of(self, time: Figure) -> float:
        """Return a time as a share of the time of all kernels; 0 if the total is 0.

        The share is that of medians, since a single run on a busy machine may take many times as long.
        """
        return time.median / self.total.median if self.total.median else 0.0

    def _repr_html_(self) -> str:
        # `rewriter.views` imports this module, so the top of this file cannot import it.
        html: str = import_module("rewriter.views.notebook_results").profile_html(self)
        return html

    def _brief(self) -> str:
        if self.skipped is not None:
            return listed([f"no runs, {self.skipped}"], 1)
        return (
            f"{counted(self.runs, 'run')}, {self.total.median:,.0f} us of kernels, {self.mapped:.0%} mapped"
        )


def profile(
    analysis: Analysis,
    *,
    inputs: Mapping[str, Array] | None = None,
    rounds: int = 20,
    warmup: int = 3,
    threads: int = 0,
    timeout: float = 600.0,
) -> Profile:
    """Run a model in onnxruntime's profiler, with default optimisations, and attribute time to modules.

    Args:
        analysis: the model.
        inputs: input -> array; drawn at random if None.
        rounds: number of measured runs.
        warmup: number of runs before the measured ones.
        threads: threads of one operator; 0 leaves the number to onnxruntime.
        timeout: seconds for loading, optimising and running the model, all runs together.
    """
    try:
        drawing = plan(analysis.model)
    except FeedError as error:
        return Profile(analysis, 0, skipped=one_line(f"no inputs can be drawn: {error}"))
    found = profile_runs(
        analysis.model,
        _folder(analysis),
        Asked(rounds, warmup, threads, Drawing(drawing, 1, given=inputs)),
        rename=True,
        timeout=timeout,
    )
    if found.kernels is None:
        return Profile(analysis, 0, skipped=found.skipped)
    return attributed(analysis, found.kernels, found)


def profile_of(
    analysis: Analysis, model: ModelProto, kernels: KernelProfile, *, timeout: float = 600.0
) -> Profile:
    """Attribute the time of a recorded profile to the modules of a model.

    onnxruntime optimises the model again, without a run, and the optimised graph shows the nodes of each
    kernel. It is the graph of the recorded run only if the same version recorded that run with default
    optimisations. Kernels that the optimised graph lacks are matched by name.

    Args:
        analysis: the flat model.
        model: the model as it was profiled, possibly with functions.
        kernels: the profile.
        timeout: seconds for onnxruntime.
    """
    found = profile_runs(model, _folder(analysis), Asked(), rename=False, timeout=timeout)
    names = tuple(str(node.name) for node in analysis.graph.nodes)
    return attributed(analysis, kernels, Profiled(names, kernels, found.optimised))


def read_recorded(recorded: Path) -> KernelProfile:
    """Read the kernels of a recorded profile.

    Raises:
        UnreadableModel: the file cannot be read or is not a profile of onnxruntime.
    """
    try:
        return read_profile(parse_events(recorded.read_text("utf-8", "replace")))
    except OSError as error:
        raise UnreadableModel(f"{recorded}: cannot be read: {error.strerror}; check the path") from None
    except (ValueError, RecursionError) as error:
        what = error if isinstance(error, ProfileError) else "not JSON"
        mend = "take it with SessionOptions.enable_profiling of onnxruntime"
        raise UnreadableModel(f"{recorded}: {what}; {mend}") from None


def attributed(analysis: Analysis, kernels: KernelProfile, found: Profiled) -> Profile:
    """Attribute the time of kernels to modules: equal parts for all modules whose nodes a kernel computes."""
    names = [kernel.name for kernel in kernels.kernels]
    kernel_map = KernelMap(analysis.graph, found.names, names, found.optimised)
    book = TimeByModule(analysis, kernel_map, len(kernels.totals))
    for kernel in kernels.kernels:
        book.add(kernel)
    unmapped = sorted(book.unmapped, key=lambda kernel: -float(np.median(kernel.times)))
    return Profile(
        analysis,
        len(kernels.totals),
        book.modules(),
        book.classes(),
        tuple(container_time(*each) for each in book.containers),
        Figure.of(book.container_times),
        unrun_bodies(kernel_map.kernels, kernels.kernels) if kernel_map.kernels else (),
        Figure.of(sum((np.array(each.times) for each in unmapped), np.zeros(len(kernels.totals)))),
        Figure.of(book.unlocated_times),
        tuple(each.name for each in unmapped),
        Figure.of(np.array(kernels.totals)),
        Figure.of(np.array(kernels.spans)),
        Figure.of(book.shared_times),
        kernels.peak,
    )


def _folder(analysis: Analysis) -> Path | None:
    return analysis.path.parent.resolve() if analysis.path else None
