"""Prints the profile of a model in a terminal: a tree of modules, then their classes."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from rewriter.basics.display import counted
from rewriter.insight.container_time import ContainerTime
from rewriter.insight.profile import Profile
from rewriter.insight.time_by_module import Figure, ModuleTime
from rewriter.modules.module import plain_name
from rewriter.paths import ROOT, ModulePath
from rewriter.views.escape import shown_last, visible
from rewriter.views.text.parts import ASCII, Signs, bar, emit, fit, flow, signs

LEAST_SHARE = 0.005
"""Minimum share of kernel time of a listed module, unless modules are selected."""
_MOST_CLASSES = 12
_MOST_UNMAPPED = 3
_MOST_CONTAINERS = 6
_LEAST_NAME = 12
_CLASS = 18
_FIGURES = 42
"""Width of the columns after name and class, in cells."""
_BAR = 8
OUTSIDE = "(If, Loop, Scan)"
"""Row of containers whose module is unknown."""


def print_profile(found: Profile, console: Console, chosen: frozenset[ModulePath] | None = None) -> None:
    """Print figures of the runs, the time by module, the unmapped kernels, and the time by class.

    Args:
        found: the profile.
        console: the console; lines of the tree are cut at its width.
        chosen: show these modules and their ancestors; None for the root and the modules with at least
            `LEAST_SHARE`.
    """
    _print_head(found, console)
    times = {each.path: each for each in found.modules}
    shown = shown_modules(found, times, chosen)
    console.print()
    _Table(found, times, shown, console).print()
    if chosen is None and (hidden := len(found.modules) - len(shown)):
        left = f"{counted(hidden, 'module')} below {LEAST_SHARE:.1%} not shown; --json has all"
        flow(console, [left], "dim")
    _print_containers(found, console)
    _print_classes(found, console)


def _print_head(found: Profile, console: Console) -> None:
    for number, phrases in enumerate(head_lines(found)):
        flow(console, phrases, "" if number else "bold")


def head_lines(found: Profile) -> list[list[str]]:
    """Describe the runs in lines of phrases: the model, the time, the part of it that is mapped."""
    name = found.analysis.path.name if found.analysis.path else "(model in memory)"
    total, peak = found.total, found.peak_bytes
    times = [
        f"{time_text(total.median)} in kernels "
        f"(half of the runs {time_text(total.low)} to {time_text(total.high)})",
        f"{time_text(found.span.median)} in all",
    ]
    times += [f"at most {_bytes(peak)} in use"] if peak else []
    mapped = [f"{found.mapped:.1%} of kernel time mapped to modules"]
    if found.unlocated.mean:
        mapped.append(f"{percent_text(found.share_of(found.unlocated))} in kernels whose nodes are unknown")
    if found.outside.mean:
        part = percent_text(found.share_of(found.outside))
        mapped.append(f"{part} in If, Loop and Scan outside of modules, without the kernels inside them")
    if found.shared.mean:
        part = percent_text(found.share_of(found.shared))
        mapped.append(f"{part} of kernel time in kernels of several modules, divided equally among these")
    return [[name, f"{counted(found.runs, 'run')} in onnxruntime"], times, mapped]


def shown_modules(
    found: Profile, times: Mapping[ModulePath, ModuleTime], chosen: frozenset[ModulePath] | None = None
) -> set[ModulePath]:
    """Return the modules to list, see `print_profile`."""
    if chosen is None:
        wanted = {path for path, time in times.items() if found.share_of(time.total) >= LEAST_SHARE}
    else:
        wanted = set(chosen)
    return wanted | {above for path in wanted for above in path.ancestors()} | {ROOT}


class _Table:
    """Printer of the tree and its columns."""

    def __init__(
        self,
        found: Profile,
        times: dict[ModulePath, ModuleTime],
        shown: set[ModulePath],
        console: Console,
    ) -> None:
        self.found, self.times, self.shown, self.console = found, times, shown, console
        self.mark = signs(console)
        self.lines = self._lines()
        widest = max(cell_len(line) for line, _ in self.lines)
        classes = [plain_name(time.class_name or "") for _, time in self.lines]
        self.class_name = min(_CLASS, max(map(cell_len, classes)))
        least = max(_LEAST_NAME, len(OUTSIDE) if found.outside.mean else 0)
        self.name = max(least, min(widest, console.width - _FIGURES - self.class_name))

    def print(self) -> None:
        """Print the header, a line per shown module, and the unmapped kernels."""
        figures = f"{'total':>8} {'spread':>7} {'own':>8} share"
        emit(self.console, Text(self._cells("module", "class", figures), "dim"))
        for line, time in self.lines:
            self._emit(line, time.class_name, time.total, time.own)
        if self.found.outside.mean:
            self._emit(OUTSIDE, None, self.found.outside, self.found.outside)
        unmapped = self.found.unmapped
        if self.found.unmapped_kernels:
            self._emit("(no module)", None, unmapped, unmapped)
            names = self.found.unmapped_kernels
            more = [f"and {len(names) - _MOST_UNMAPPED} more"] if len(names) > _MOST_UNMAPPED else []
            flow(self.console, ["kernels of no module: " + ", ".join(names[:_MOST_UNMAPPED]), *more], "dim")

    def _emit(self, line: str, class_name: str | None, total: Figure, own: Figure) -> None:
        short = visible(plain_name(class_name or ""), ascii_only=self.mark is ASCII)
        alone = time_text(own.median) if own.median else ""
        figures = f"{time_text(total.median):>8} {spread_text(total):>7} {alone:>8}"
        figures += f" {_share(total, self.found, self.mark)}"
        emit(self.console, Text(self._cells(line, short, figures)))

    def _cells(self, name: str, class_name: str, figures: str) -> str:
        cells = [fit(name, self.name, self.mark.dots)]
        cells += [fit(class_name, self.class_name, self.mark.dots)] if self.class_name else []
        return " ".join((*cells, figures))

    def _lines(self) -> list[tuple[str, ModuleTime]]:
        """Return guides and name of every shown module, and its time, in tree order."""
        found: list[tuple[str, ModuleTime]] = []
        stack: list[tuple[ModulePath, str, str]] = [(ROOT, "", "")]
        while stack:
            path, guides, inner = stack.pop()
            name = shown_last(path, ascii_only=self.mark is ASCII)
            found.append((guides + name, self.times[path]))
            below = [p for p in self.found.analysis.tree[path].children if p in self.shown]
            for position in range(len(below) - 1, -1, -1):
                branch, rest = _guides(self.mark, last=position == len(below) - 1)
                stack.append((below[position], inner + branch, inner + rest))
        return found


def _guides(mark: Signs, *, last: bool) -> tuple[str, str]:
    return (mark.end, " " * len(mark.bar)) if last else (mark.branch, mark.bar)


def _share(time: Figure, found: Profile, mark: Signs) -> str:
    share = found.share_of(time)
    return f"{percent_text(share):>5} {bar(share, _BAR, mark) if share else ''}"


def percent_text(share: float) -> str:
    """Format a share as a rounded percentage, but never a positive share as 0%."""
    return "<1%" if 0 < share < 0.01 else f"{share:.0%}"


def spread_text(time: Figure) -> str:
    """Format the spread of a time; empty without one."""
    return "" if time.spread is None else f"{time.spread:.0%}"


def _print_classes(found: Profile, console: Console) -> None:
    if not found.classes:
        return
    console.print()
    mark = signs(console)
    emit(console, Text(f"{'class':<32} {'modules':>8} {'own':>8} {'spread':>7} share", "dim"))
    for each in found.classes[:_MOST_CLASSES]:
        name = visible(plain_name(each.class_name), ascii_only=mark is ASCII)
        share = _share(each.own, found, mark)
        figures = f"{each.modules:>8,} {time_text(each.own.median):>8} {spread_text(each.own):>7}"
        emit(console, Text(f"{fit(name, 32, mark.dots)} {figures} {share}"))
    if len(found.classes) > _MOST_CLASSES:
        flow(console, [f"and {len(found.classes) - _MOST_CLASSES} more classes"], "dim")


def _print_containers(found: Profile, console: Console) -> None:
    """Print the slowest containers with the times of their iterations, and bodies that did not run."""
    slowest = sorted(found.containers, key=lambda each: -each.own.median)
    if slowest:
        console.print()
    for each in slowest[:_MOST_CONTAINERS]:
        name = visible(each.name, ascii_only=signs(console) is ASCII)
        alone = f"{time_text(each.own.median)} without the kernels inside"
        flow(console, [f"{each.op_type} {name}: {alone}", *_iterations(each)])
    if len(slowest) > _MOST_CONTAINERS:
        flow(
            console,
            [f"and {len(slowest) - _MOST_CONTAINERS} more kernels with bodies; --json has all"],
            "dim",
        )
    for body in found.unrun:
        flow(
            console,
            [f"not run: {body.title}", counted(body.kernels, "kernel"), "choose inputs with --inputs"],
            "yellow",
        )


def _iterations(container: ContainerTime) -> list[str]:
    """Describe how often the bodies of a container ran, and how long each time."""
    low, high = min(container.counts), max(container.counts)
    count = f"{low}" if low == high else f"{low} to {high}"
    one, many = ("branch", "branches") if container.op_type == "If" else ("iteration", "iterations")
    single = (low, high) == (1, 1)
    found = [f"{count} {one if single else many} in a run"]
    if times := container.iterations:
        span = dict.fromkeys((time_text(min(times)), time_text(max(times))))
        found.append(f"{' to '.join(span)} for each {one}")
    return found


def time_text(microseconds: float) -> str:
    """Format a time below 1000 s in at most seven cells: `312 us`, `1.42 ms`, `2.1 s`."""
    if microseconds < 999.5:
        return f"{microseconds:.0f} us"
    if microseconds < 999_500:
        return f"{microseconds / 1e3:.3g} ms"
    return f"{microseconds / 1e6:.3g} s"


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
