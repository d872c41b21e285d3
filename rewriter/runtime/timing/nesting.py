"""Finds the kernels and the executions of graph bodies that a profile of onnxruntime has inside each other.

onnxruntime records an event when it ends, so events inside another come before it. Starts and durations are
cut to whole microseconds, so that an event may seem to end after the event around it; hence only the order
and the starts count. A body runs on the thread of its owner, whatever the execution mode.

One execution of a graph is an event of its own: of the main graph, a branch of If, an iteration of Loop or
Scan. It holds the kernels before it that started no earlier. A kernel holds the executions right before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Event = Mapping[str, Any]

KERNEL = "_kernel_time"
"""Ending of the name of a kernel's event; the rest is the name of the node."""
_EXECUTION = "SequentialExecutor::Execute"


@dataclass(slots=True)
class Span:
    """An event with the spans directly inside it: the executions of a kernel, the kernels of an execution.

    Attributes:
        event: the event.
        inside: the spans inside it, in order.
        nested: whether it is a kernel inside another kernel.
    """

    event: Event
    inside: list[Span] = field(default_factory=list)
    nested: bool = False

    @property
    def start(self) -> float:
        """The start, in microseconds."""
        return float(self.event["ts"])

    @property
    def lasted(self) -> float:
        """The duration in microseconds."""
        return float(self.event["dur"])

    @property
    def own(self) -> float:
        """The duration without kernels inside, for a kernel."""
        return self.lasted - sum(kernel.lasted for body in self.inside for kernel in body.inside)

    @property
    def is_kernel(self) -> bool:
        """Whether it is a kernel, not an execution of a graph."""
        return bool(self.event.get("cat") == "Node")


def kernel_spans(events: Iterable[Event]) -> list[Span]:
    """Return all kernels in the order of their starts; a kernel comes before those inside it.

    Args:
        events: the events in the order in which they were recorded.
    """
    kernels: list[Span] = []
    open_spans: dict[object, list[Span]] = {}
    for event in events:
        kernel = event.get("cat") == "Node" and str(event.get("name", "")).endswith(KERNEL) and "dur" in event
        if kernel or event.get("name") == _EXECUTION:
            span = Span(event)
            before = open_spans.setdefault(event.get("tid"), [])
            while before and before[-1].is_kernel != kernel and before[-1].start >= span.start:
                span.inside.append(before.pop())
            span.inside.reverse()
            before.append(span)
            if kernel:
                kernels.append(span)
                for inner in (each for body in span.inside for each in body.inside):
                    inner.nested = True
    order = {id(span): number for number, span in enumerate(kernels)}
    return sorted(kernels, key=lambda span: (span.start, -order[id(span)]))
