"""In the child: runs a model in float32, and copies of it with rounded values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from math import inf
from pathlib import Path

import numpy as np
import onnx

from rewriter.model.tensors import array_of
from rewriter.runtime.child.job import Job
from rewriter.runtime.compare.fingerprints import MOST_BYTES
from rewriter.runtime.compare.intermediate_values import Exposed, in_parts
from rewriter.runtime.compare.tolerance import distance
from rewriter.runtime.inputs.input_search import Runs, find_inputs
from rewriter.runtime.inputs.signature import signature
from rewriter.runtime.local_errors.measurement import Forms, LocalErrors, forms_of
from rewriter.runtime.ort.sessions import Session
from rewriter.runtime.recording.input_sets import InputSets
from rewriter.runtime.rounding.measurement import MODEL, RoundingRequest, RoundingRun
from rewriter.runtime.rounding.ranges import ValueRange, range_of
from rewriter.runtime.rounding.rounded_model import rounded


def measure(job: Job[RoundingRequest]) -> RoundingRun:
    """Find inputs, then measure ranges, errors of modules, and the modules to keep in float32."""
    sent = job.models[MODEL]
    found = find_inputs(job, job.request.drawing, lambda: Session(sent.path, sent.folder))
    return _Rounding(job, found).result()


class _Rounding:
    """Model and its runs in float32."""

    def __init__(self, job: Job[RoundingRequest], found: Runs) -> None:
        self.request, self.found = job.request, found
        self.folder = job.models[MODEL].folder
        self.model = onnx.load(job.models[MODEL].path, load_external_data=False)
        self.inputs = InputSets(self.folder, signature(self.model), found.feeds)
        self.outputs = [info.name for info in self.model.graph.output]
        self.forms: Forms = {}
        self.ranges: dict[str, ValueRange] = {}

    @cached_property
    def computed(self) -> dict[str, int]:
        """Value in float32 that a node of the main graph computes -> its bytes in all input sets."""
        names = [name for node in self.model.graph.node for name in node.output if name]
        types = self._exposed().typed(names)
        floats = [name for name in names if types.get(name) == "tensor(float)"]
        return self._exposed().sizes(floats)

    @cached_property
    def floats(self) -> frozenset[str]:
        """The values of the main graph in float32, with inputs and initializers."""
        kind = onnx.TensorProto.FLOAT
        given = (info.name for info in self.model.graph.input if info.type.tensor_type.elem_type == kind)
        held = (tensor.name for tensor in self.model.graph.initializer if tensor.data_type == kind)
        return frozenset((*self.computed, *given, *held))

    def result(self) -> RoundingRun:
        """Return all that was measured."""
        self._measure_ranges()
        touched = [self._touched(nodes) for nodes in self.request.modules]
        ranges = [sum((self.ranges[name] for name in names), ValueRange()) for names in touched]
        worst = [max(names, key=lambda name: self.ranges[name].largest, default="") for names in touched]
        errors, unmeasured = self._errors()
        overflows = [number for number, found in enumerate(ranges) if found.over]
        error = self._error_without(())
        kept, error_kept = self._kept(overflows, errors) if error > self.request.tolerance else ((), None)
        return RoundingRun(
            len(self.found.feeds),
            tuple(ranges),
            tuple(worst),
            errors,
            tuple(overflows),
            tuple(kept),
            error,
            error_kept,
            unmeasured,
        )

    def _exposed(self, model: onnx.ModelProto | None = None) -> Exposed:
        copy = onnx.ModelProto()
        copy.CopyFrom(model if model is not None else self.model)
        return Exposed(copy, self.inputs)

    def _measure_ranges(self) -> None:
        """Measure values, inputs and weights in float32, and remember the forms of values."""
        half, exposed = self.request.half, self._exposed()
        needs = ((name, {name}) for name in self.computed)
        for part in in_parts(needs, self.computed, MOST_BYTES):
            values = exposed.values(part)
            self.forms.update(forms_of(values))
            for name, arrays in values.items():
                self.ranges[name] = sum((range_of(array, half) for array in arrays), ValueRange())
        for feeds in self.found.feeds:
            for name in feeds.keys() & self.floats:
                self.ranges[name] = self.ranges.get(name, ValueRange()) + range_of(feeds[name], half)
        for tensor in self.model.graph.initializer:
            if tensor.name in self.floats:
                array = array_of(tensor, None if self.folder is None else Path(self.folder))
                self.ranges[tensor.name] = ValueRange() if array is None else range_of(array, half)

    def _touched(self, nodes: Iterable[int]) -> list[str]:
        """Return the values in float32 that nodes read and write."""
        protos = [self.model.graph.node[number] for number in nodes]
        names = dict.fromkeys(name for node in protos for name in (*node.input, *node.output))
        return [name for name in names if name in self.ranges]

    def _errors(self) -> tuple[tuple[float | None, ...], str | None]:
        """Return the local error of each module, and the reason why one is missing."""
        owner = {
            name: number
            for number, nodes in enumerate(self.request.modules)
            for node in nodes
            for name in self.model.graph.node[node].output
        }
        borders = self._borders(owner)
        second, twins = self._exposed(self._rounded(())), {name: name for name in borders}
        measured = LocalErrors(self._exposed(), second, twins, self.forms, self.request.half.rounded)
        measured.measure(borders, self.computed)
        errors: list[float | None] = [None] * len(self.request.modules)
        for name, error in measured.errors.items():
            number = owner[name]
            errors[number] = max(errors[number] or 0.0, error.relative)
        return tuple(errors), measured.unmeasured

    def _borders(self, owner: dict[str, int]) -> list[str]:
        """Return the values in float32 that another module reads, or that are outputs."""
        readers: dict[str, set[int | None]] = {}
        for number, node in enumerate(self.model.graph.node):
            at = next((owner[name] for name in node.output if name in owner), None)
            for name in node.input:
                readers.setdefault(name, set()).add(at if number not in self.request.fixed else None)
        for name in self.outputs:
            readers.setdefault(name, set()).add(None)
        return [n for n in self.computed if n in owner and readers.get(n, set()) - {owner[n]}]

    def _kept(
        self, overflows: Sequence[int], errors: Sequence[float | None]
    ) -> tuple[tuple[int, ...], float | None]:
        """Return the modules to keep in float32, and the error of the outputs with these."""
        rest = [number for number in range(len(errors)) if number not in overflows]
        rest.sort(key=lambda number: _known(errors[number]), reverse=True)
        low, high = 0, len(rest)  # the fewest of `rest`, in this order, that are enough
        best = self._error_without(overflows)
        found = best
        if best <= self.request.tolerance:
            return tuple(overflows), best
        while low < high:
            middle = (low + high) // 2
            best = self._error_without((*overflows, *rest[:middle]))
            if best <= self.request.tolerance:
                high, found = middle, best
            else:
                low = middle + 1
        if high == len(rest):
            found = self._error_without((*overflows, *rest))
        return (*overflows, *rest[:high]), found

    def _rounded(self, kept: Collection[int]) -> onnx.ModelProto:
        nodes = {node for at, group in enumerate(self.request.modules) if at not in kept for node in group}
        return rounded(self.model, nodes - self.request.fixed, self.floats, self.request.half.element)

    def _error_without(self, kept: Collection[int]) -> float:
        """Return the largest relative error of an output if all modules but the kept ones are rounded."""
        session = self.inputs.session(self._rounded(kept))
        worst = 0.0
        for exact, results in zip(self.found.results, self.inputs.run(session), strict=True):
            for one, other in zip(exact, results, strict=True):
                if isinstance(one, np.ndarray) and one.dtype.kind == "f" and one.shape == other.shape:
                    worst = max(worst, distance(one, other).relative)
        return worst


def _known(error: float | None) -> float:
    return inf if error is None else error
