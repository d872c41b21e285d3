"""Where the time goes: the kernels of onnxruntime, told by module and by class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto

from rewriter.display import Display, counted, listed
from rewriter.insight.book import NO_TIME, Book, ClassTime, Figure, ModuleTime
from rewriter.insight.kernel_map import KernelMap
from rewriter.modules.analysis import Analysis
from rewriter.refusals import UnreadableModel
from rewriter.runtime.child.words import one_line
from rewriter.runtime.feeds import Array, Drawing
from rewriter.runtime.inputs import FeedError
from rewriter.runtime.kernels import Asked, KernelProfile, ProfileError, parse_events, read_profile
from rewriter.runtime.planning import plan
from rewriter.runtime.profiling import Profiled, profile_runs


@dataclass(frozen=True, slots=True, repr=False)
class Profile(Display):
    """The time of a model by module.

    Attributes:
        analysis: the model.
        runs: how many runs were measured; 0 where there is no profile.
        modules: every module, in tree order.
        classes: the slowest class first, by medians.
        unmapped: kernels of which nobody knows the module.
        unmapped_kernels: their names, the slowest first, by medians.
        total: of all kernels.
        span: of whole runs on the wall, onnxruntime's own work included.
        shared: the part of `total` that kernels of several modules take.
        peak_bytes: the most memory that onnxruntime had in use; 0 where it does not tell.
        skipped: why there is no profile.
    """

    analysis: Analysis
    runs: int
    modules: tuple[ModuleTime, ...] = ()
    classes: tuple[ClassTime, ...] = ()
    unmapped: Figure = NO_TIME
    unmapped_kernels: tuple[str, ...] = ()
    total: Figure = NO_TIME
    span: Figure = NO_TIME
    shared: Figure = NO_TIME
    peak_bytes: int = 0
    skipped: str | None = None

    @property
    def mapped(self) -> float:
        """The share of the time of kernels whose module is known, 0 to 1, by medians."""
        return 1 - self.share_of(self.unmapped) if self.total.median else 1.0

    def share_of(self, time: Figure) -> float:
        """The share of a time in that of all kernels, by medians; 0 where nothing took any.

        On a busy machine a single run may take many times as long, wherever it is held up.
        """
        return time.median / self.total.median if self.total.median else 0.0

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
        Asked(rounds, warmup, threads, Drawing(drawing, 1, given=inputs)),
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
    found = profile_runs(model, _folder(analysis), Asked(), rename=False, timeout=timeout)
    names = tuple(str(node.name) for node in analysis.graph.nodes)
    return told(analysis, kernels, Profiled(names, kernels, found.optimised))


def read_recorded(recorded: Path) -> KernelProfile:
    """The kernels of a profile that somebody took.

    Raises:
        UnreadableModel: it is no such file.
    """
    try:
        return read_profile(parse_events(recorded.read_text("utf-8", "replace")))
    except OSError as error:
        raise UnreadableModel(f"{recorded}: cannot be read: {error.strerror}; check the path") from None
    except (ValueError, RecursionError) as error:
        what = error if isinstance(error, ProfileError) else "not JSON"
        mend = "take it with SessionOptions.enable_profiling of onnxruntime"
        raise UnreadableModel(f"{recorded}: {what}; {mend}") from None


def told(analysis: Analysis, kernels: KernelProfile, found: Profiled) -> Profile:
    """Share the time of kernels out among modules: equally among those whose nodes a kernel computes."""
    names = [kernel.name for kernel in kernels.kernels]
    book = Book(analysis, KernelMap(analysis.graph, found.names, names, found.optimised), len(kernels.totals))
    for kernel in kernels.kernels:
        book.enter(kernel)
    unmapped = sorted(book.unmapped, key=lambda kernel: -float(np.median(kernel.times)))
    return Profile(
        analysis,
        len(kernels.totals),
        book.modules(),
        book.classes(),
        Figure.of(sum((np.array(each.times) for each in unmapped), np.zeros(len(kernels.totals)))),
        tuple(each.name for each in unmapped),
        Figure.of(np.array(kernels.totals)),
        Figure.of(np.array(kernels.spans)),
        Figure.of(book.shared_times),
        kernels.peak,
    )


def _folder(analysis: Analysis) -> Path | None:
    return analysis.path.parent.resolve() if analysis.path else None
