"""Reads profiles of onnxruntime: the time of every kernel in every run.

The profile is a list of Chrome trace events. Those of category `Node` named `<node>_kernel_time` are kernels,
with the operator, the memory and the shapes in `args`; one `model_run` of category `Session` spans each run.
Times are whole microseconds. The span of a container, a kernel that runs graph bodies (If, Loop, Scan),
contains the kernels inside it; its own time is the rest (see `nesting`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rewriter.runtime.inputs.feeds import Drawing
from rewriter.runtime.timing.nesting import KERNEL, Event, Span, kernel_spans


class Memory(NamedTuple):
    """Maximum bytes of one execution of a kernel: written, read from activations, and read from weights."""

    output: int = 0
    activation: int = 0
    parameter: int = 0


@dataclass(slots=True)
class Kernel:
    """One node of the graph that onnxruntime runs; nodes of equal name and operator count as one.

    Attributes:
        name: the name of the node.
        op_type: its operator.
        times: microseconds in every run, summed over all its executions in the run, without the time of
            kernels inside it.
        count: number of executions in all runs.
        memory: maximum bytes read and written by one execution.
        bodies: for a container: microseconds of every execution of a body (a branch, or an iteration), run
            by run, with the kernels inside and onnxruntime's work between them; empty for other kernels.
    """

    name: str
    op_type: str
    times: list[float]
    count: int = 0
    memory: Memory = field(default_factory=Memory)
    bodies: list[list[float]] = field(default_factory=list)

    @property
    def is_container(self) -> bool:
        """Whether it runs graph bodies, even if none ran."""
        return bool(self.bodies) or self.op_type in ("If", "Loop", "Scan")


@dataclass(frozen=True, slots=True)
class Asked:
    """Settings of a profile.

    Attributes:
        rounds: number of measured runs.
        warmup: number of runs before the measured ones.
        threads: threads of one operator; 0 lets onnxruntime choose.
        drawing: rules of the inputs; None if the model is only optimised, not run.
    """

    rounds: int = 0
    warmup: int = 0
    threads: int = 1
    drawing: Drawing | None = None


class ProfileError(ValueError):
    """Raised if events are no profile of onnxruntime, or lack runs or kernels; the text has the reason."""


@dataclass(frozen=True, slots=True)
class KernelProfile:
    """Kernels in order of their first execution, and the total microseconds of every run.

    Attributes:
        kernels: the kernels.
        totals: for each run, the sum of the times of kernels that are not inside other kernels.
        spans: microseconds of wall time of each run.
        peak: peak bytes in use; 0 if the profile does not state it.
    """

    kernels: tuple[Kernel, ...]
    totals: tuple[float, ...]
    spans: tuple[float, ...]
    peak: int = 0


def parse_events(text: str) -> object:
    """Parse the events of a profile; onnxruntime 1.23 does not escape control characters in names.

    Raises:
        ValueError: the text is not JSON.
    """
    return json.loads(text, strict=False)


def read_profile(events: object, *, warmup: int = 0) -> KernelProfile:
    """Return the kernels of a profile, without the warm-up runs.

    Raises:
        ProfileError: the events are not those of onnxruntime, there is no kernel, or no run after the
            warm-up.
    """
    if not isinstance(events, list) or not all(isinstance(each, dict) for each in events):
        raise ProfileError("not a list of trace events")
    try:
        return _read(events, warmup)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ProfileError(f"not a profile of onnxruntime ({type(error).__name__}: {error})") from None


def _read(events: Sequence[Event], warmup: int) -> KernelProfile:
    spans = kernel_spans(events)
    runs = sorted(
        ((float(e["ts"]), float(e["dur"])) for e in events if e.get("name") == "model_run"),
        key=lambda run: run[0],
    )[warmup:]
    if not spans:
        raise ValueError("it holds no time of a node")
    if not runs:
        raise ValueError("it holds no run")
    found: dict[tuple[str, str], Kernel] = {}
    totals = [0.0] * len(runs)
    at = 0
    for span in spans:
        while at + 1 < len(runs) and span.start >= runs[at + 1][0]:
            at += 1
        if runs[at][0] <= span.start <= runs[at][0] + runs[at][1]:
            _add(found, span, at, len(runs))
            totals[at] += 0 if span.nested else span.lasted
    peak = max((int(each.event["args"].get("mem_in_use_peak", 0)) for each in spans), default=0)
    return KernelProfile(tuple(found.values()), tuple(totals), tuple(span for _, span in runs), peak)


def _add(found: dict[tuple[str, str], Kernel], span: Span, run: int, runs: int) -> None:
    """Add one execution of a kernel."""
    event = span.event
    name = str(event["name"]).removesuffix(KERNEL)
    op_type = str(event["args"].get("op_name", ""))
    kernel = found.setdefault((name, op_type), Kernel(name, op_type, [0.0] * runs))
    kernel.times[run] += span.own
    kernel.count += 1
    kernel.memory = _larger(kernel.memory, event["args"])
    if span.inside and not kernel.bodies:
        kernel.bodies = [[] for _ in range(runs)]
    for body in span.inside:
        kernel.bodies[run].append(body.lasted)


def _larger(memory: Memory, told: Mapping[str, Any]) -> Memory:
    sizes = (told.get("output_size", 0), told.get("activation_size", 0), told.get("parameter_size", 0))
    return Memory(*(max(old, int(new)) for old, new in zip(memory, sizes, strict=True)))
