"""In the child: runs a model and returns values inside its graph bodies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import onnx

from rewriter.model.index.graph import GraphIndex, graphs_of
from rewriter.runtime.ort.sessions import RunError
from rewriter.runtime.recording.body_names import loops_around, value_keys
from rewriter.runtime.recording.body_values import BodyRecorder
from rewriter.runtime.recording.input_sets import InputSets
from rewriter.runtime.recording.recordable import can_record, element_types
from rewriter.runtime.recording.steps import Step, unpacked


class BodyValues:
    """Values inside the graph bodies of a model.

    Args:
        model: the model; it is not changed.
        data: the input sets on which it runs.
    """

    def __init__(self, model: onnx.ModelProto, data: InputSets) -> None:
        self.data = data
        self.model = onnx.ModelProto()
        attributes = (attribute for node in model.graph.node for attribute in node.attribute)
        if any(True for attribute in attributes for _ in graphs_of(attribute)):
            self.model.CopyFrom(model)
        self.graph = GraphIndex(self.model)

    @cached_property
    def body_of(self) -> dict[str, tuple[int, int]]:
        """Key of a value of a graph body -> the value and its body."""
        keys = value_keys(self.graph)
        return {
            keys[value]: (value, number)
            for number, body in enumerate(self.graph.bodies)
            if number
            for value in body.values.values()
            if value in keys
        }

    @cached_property
    def types(self) -> dict[int, int]:
        """Value that can be recorded -> the type of its elements."""
        allowed = {value for value, body in self.body_of.values() if can_record(self.graph, body)}
        return element_types(self.model, self.graph, allowed)

    def among(self, names: Iterable[str]) -> list[str]:
        """Return those of the keys that mean values of graph bodies."""
        return [name for name in names if name in self.body_of]

    def elements(self, names: Sequence[str]) -> dict[str, int]:
        """Return the number of elements of each value in all steps, without values that were not computed."""
        found = self.recorded(names, elements=False)
        return {name: sum(prod(shape) for _, shape in steps) for name, steps in found.items() if steps}

    def recorded(self, names: Sequence[str], *, elements: bool) -> dict[str, list[tuple[Step, Any]]]:
        """Return the arrays, or without `elements` the shapes, of each value, with their steps.

        If the model does not run with the additional outputs, half of them are tried, and so on; a value with
        which it does not run alone is left out.
        """
        known = [name for name in names if self.body_of[name][0] in self.types]
        try:
            return self._recorded(known, elements=elements) if known else {}
        except RunError:
            found: dict[str, list[tuple[Step, Any]]] = {}
            half = len(known) // 2
            for part in (known[:half], known[half:]) if half else ():
                found.update(self.recorded(part, elements=elements))
            return found

    def _recorded(self, names: Sequence[str], *, elements: bool) -> dict[str, list[tuple[Step, Any]]]:
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        graph = GraphIndex(model)
        recorder = BodyRecorder(graph)
        outputs = [
            recorder.record(*self.body_of[name], self.types[self.body_of[name][0]], elements=elements)
            for name in names
        ]
        del model.graph.output[:]
        model.graph.output.extend(onnx.ValueInfoProto(name=each) for both in outputs for each in both)
        session = self.data.session(model)
        found: dict[str, list[tuple[Step, Any]]] = {name: [] for name in names}
        for number, given in enumerate(self.data.run(session)):
            arrays = dict(zip(session.outputs, given, strict=True))
            for name, both in zip(names, outputs, strict=True):
                forms, *flat = (np.asarray(arrays[each]) for each in both)
                loops = loops_around(self.graph, self.body_of[name][1])
                found[name] += unpacked(forms, flat[0] if flat else None, number, loops)
        return found
