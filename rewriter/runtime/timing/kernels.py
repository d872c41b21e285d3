"""Reads profiles of onnxruntime: the time of every kernel in every run.

The profile is a list of Chrome trace events. Those of category `Node` named `<node>_kernel_time` are kernels,
with the operator, the memory and the shapes in `args`; one `model_run` of category `Session` spans each run.
Times are whole microseconds. The span of a kernel with a body (Loop, If) contains the kernels inside it;
its own time is the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rewriter.runtime.inputs.feeds import Drawing

Event = Mapping[str, Any]

_KERNEL = "_kernel_time"
_HOLDING = frozenset({"If", "Loop", "Scan", "BeamSearch", "GreedySearch", "Sampling", "WhisperBeamSearch"})
"""Operators whose kernels run other kernels."""


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
    """

    name: str
    op_type: str
    times: list[float]
    count: int = 0
    memory: Memory = field(default_factory=Memory)


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
    nodes = [
        each
        for each in events
        if each.get("cat") == "Node" and str(each.get("name", "")).endswith(_KERNEL) and "dur" in each
    ]
    runs = sorted(
        ((float(e["ts"]), float(e["dur"])) for e in events if e.get("name") == "model_run"),
        key=lambda run: run[0],
    )[warmup:]
    if not nodes:
        raise ValueError("it holds no time of a node")
    if not runs:
        raise ValueError("it holds no run")
    found: dict[tuple[str, str], Kernel] = {}
    totals = [0.0] * len(runs)
    nodes.sort(key=lambda each: (float(each["ts"]), -float(each["dur"])))
    at = 0
    parts: list[list[Event]] = [[] for _ in runs]
    for each in nodes:
        start = float(each["ts"])
        while at + 1 < len(runs) and start >= runs[at + 1][0]:
            at += 1
        if runs[at][0] <= start <= runs[at][0] + runs[at][1]:
            parts[at].append(each)
    for number, part in enumerate(parts):
        for event, own, inside in _own_times(part):
            kernel = _kernel_of(found, event, len(runs))
            kernel.times[number] += own
            kernel.count += 1
            kernel.memory = _larger(kernel.memory, event["args"])
            if not inside:
                totals[number] += float(event["dur"])
    peak = max((int(each["args"].get("mem_in_use_peak", 0)) for each in nodes), default=0)
    return KernelProfile(tuple(found.values()), tuple(totals), tuple(span for _, span in runs), peak)


def _own_times(events: Iterable[Event]) -> Iterable[tuple[Event, float, bool]]:
    """Return each event with its time without nested events, and whether it is nested in another event."""
    own: list[float] = []
    inside: list[bool] = []
    kept: list[Event] = []
    holders: dict[object, list[tuple[int, float]]] = {}
    for event in events:
        start, lasted = float(event["ts"]), float(event["dur"])
        around = holders.setdefault(event.get("tid"), [])
        while around and start + lasted > around[-1][1]:
            around.pop()
        inside.append(bool(around))
        if around:
            own[around[-1][0]] -= lasted
        if event["args"].get("op_name") in _HOLDING:
            around.append((len(kept), start + lasted))
        own.append(lasted)
        kept.append(event)
    return zip(kept, own, inside, strict=True)


def _kernel_of(found: dict[tuple[str, str], Kernel], event: Event, runs: int) -> Kernel:
    name = str(event["name"]).removesuffix(_KERNEL)
    op_type = str(event["args"].get("op_name", ""))
    return found.setdefault((name, op_type), Kernel(name, op_type, [0.0] * runs))


def _larger(memory: Memory, told: Mapping[str, Any]) -> Memory:
    sizes = (told.get("output_size", 0), told.get("activation_size", 0), told.get("parameter_size", 0))
    return Memory(*(max(old, int(new)) for old, new in zip(memory, sizes, strict=True)))
