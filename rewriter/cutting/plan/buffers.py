"""Predicts the buffers of a run: which values share one, and the peak of those that are in use at once.

Where all shapes are known, the rules are those measured of onnxruntime's CPU provider, without its memory
pattern. A value lives from its node to its last reader. Views need no buffer of their own; some operators
write over their input if no later node reads it; and a free buffer is taken again by the next value of equal
form. Until then it stays in use, so all buffers are planned before the peak is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

from rewriter.cutting.plan.value_sizes import Form, ValueSizes
from rewriter.model.index.graph import NONE
from rewriter.model.operator_set.operators import canonical

VIEWS = frozenset(("Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"))
"""Operators whose first output is their first input in another shape."""
OVERWRITING = frozenset(
    (
        *("Cast", "Celu", "Clip", "Elu", "HardSigmoid", "LeakyRelu", "LogSoftmax", "Relu", "ScatterElements"),
        *("Selu", "Sigmoid", "Softmax", "Softplus", "Softsign", "Tanh", "ThresholdedRelu", "Trilu"),
    )
)
"""Operators that write over their first input if they are its last reader and the forms are equal.

Measured with onnxruntime 1.32 on the CPU; arithmetic (Add, Mul) does not."""


@dataclass(slots=True)
class _Buffer:
    """A buffer: the form of its values, reads that are still to come, and the steps of its use."""

    form: Form | None
    size: int
    first: int
    last: int
    reads: int
    kept: bool


@dataclass(slots=True)
class _BufferPlan:
    """State of one plan; a step is the position of a node in the order of the run."""

    sizes: ValueSizes
    reads: Counter[int]
    kept: Collection[int]
    of: dict[int, _Buffer] = field(default_factory=dict)
    free: dict[Form, list[_Buffer]] = field(default_factory=dict)
    made: list[_Buffer] = field(default_factory=list)

    def step(self, number: int, node: int) -> None:
        """Give each output of a node a buffer, then release those that no later node reads."""
        main = self.sizes.main
        written = [value for value in main.graph.writes[node] if value != NONE]
        for position, value in enumerate(written):
            buffer = self._shared(node, value) if position == 0 and value not in self.kept else None
            self.of[value] = buffer = buffer or self._new(value, number)
            buffer.reads += self.reads[value]
        for value in _occurrences(self.sizes, node):
            if value in self.of:
                self.of[value].reads -= 1
        touched = {id(self.of[v]): self.of[v] for v in (*main.reads[node], *written) if v in self.of}
        for buffer in touched.values():
            buffer.last = number
            if buffer.reads == 0 and not buffer.kept and buffer.form is not None:
                self.free.setdefault(buffer.form, []).append(buffer)

    def _shared(self, node: int, value: int) -> _Buffer | None:
        """Return the buffer of the first input if the output needs none of its own."""
        graph = self.sizes.main.graph
        domain, operator = graph.operators[node]
        source = graph.reads[node][0] if graph.reads[node] else NONE
        buffer = self.of.get(source)
        if canonical(domain) or (operator not in VIEWS and operator not in OVERWRITING):
            return None
        if operator in VIEWS:
            # A view of an input or a weight needs no memory: it gets a buffer of size 0.
            return buffer or _Buffer(None, 0, 0, 0, 0, kept=True)
        form = self.sizes.form(value)
        fits = buffer is not None and buffer.reads == 1 and not buffer.kept
        return buffer if fits and form is not None and form == self.sizes.form(source) else None

    def _new(self, value: int, number: int) -> _Buffer:
        """Return a free buffer of equal form, the latest first, or a new one."""
        form, kept = self.sizes.form(value), value in self.kept
        if form is not None and not kept and self.free.get(form):
            return self.free[form].pop()
        self.made.append(_Buffer(form, self.sizes.size(value), number, number, 0, kept))
        return self.made[-1]


def peak_of(sizes: ValueSizes, order: Sequence[int], outputs: Iterable[int]) -> int:
    """Return the most bytes of buffers and workspace in use at once while nodes run in an order.

    Inputs and weights are not counted, and values of unknown size count as 0.

    Args:
        sizes: the sizes of the values.
        order: the nodes; stored tensors left out.
        outputs: values that are kept until the end.
    """
    reads = Counter(value for node in order for value in _occurrences(sizes, node))
    planner = _BufferPlan(sizes, reads, frozenset(outputs))
    for number, node in enumerate(order):
        planner.step(number, node)
    change = [0] * (len(order) + 1)
    for buffer in planner.made:
        change[buffer.first] += buffer.size
        if not buffer.kept:
            change[buffer.last + 1] -= buffer.size
    most = now = 0
    extras = [*(workspace(sizes, node) for node in order), 0]
    for each, extra in zip(change, extras, strict=True):
        now += each
        most = max(most, now + extra)
    return most


def workspace(sizes: ValueSizes, node: int) -> int:
    """Return the bytes that a kernel needs while it runs, besides its inputs and outputs; only Where counts.

    Where makes two tensors, the condition broadcast with each of its other inputs, and merges them.
    """
    graph = sizes.main.graph
    domain, operator = graph.operators[node]
    output = sizes.form(graph.writes[node][0]) if operator == "Where" and not canonical(domain) else None
    forms = [sizes.form(value) for value in graph.reads[node]] if output else []
    shapes = [form[0] for form in forms if form is not None]
    if output is None or len(shapes) != 3:
        return 0
    return sum(_broadcast(shapes[0], other) * output[1] // 8 for other in shapes[1:])


def _broadcast(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """Return the number of elements of two shapes broadcast together; 0 if they do not fit."""
    try:
        return prod(np.broadcast_shapes(one, other))
    except ValueError:
        return 0


def _occurrences(sizes: ValueSizes, node: int) -> list[int]:
    """Return the values that a node reads, as often as it reads them, then captures of its bodies."""
    main = sizes.main
    own = [value for value in main.graph.reads[node] if value != NONE]
    return [*own, *(value for value in main.reads[node] if value not in own)]
