"""In the child: reads the values inside a model, in parts that fit into memory."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from math import prod
from typing import TypeVar

import numpy as np
import onnx

from rewriter.runtime.inputs.feeds import Array
from rewriter.runtime.ort.sessions import Session
from rewriter.runtime.recording.body_runs import BodyValues
from rewriter.runtime.recording.input_sets import InputSets
from rewriter.runtime.recording.steps import Step

_BYTES = 8
"""Bytes counted for one element, the maximum for a real number."""

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)


class Exposed:
    """Model that runs on input sets; each read opens a session with the requested values as outputs.

    Values have the keys of `value_keys`. Those of graph bodies are recorded in every iteration, if the types
    of their elements are known and the model runs with the additional outputs.

    Attributes:
        steps: value of a graph body that was read -> the steps of its arrays, see `Step`.
    """

    def __init__(self, model: onnx.ModelProto, data: InputSets) -> None:
        self.model, self.data = model, data
        self.bodies = BodyValues(model, data)
        self.steps: dict[str, tuple[Step, ...]] = {}

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """Return the maximum bytes that each value takes in all input sets together.

        Values that are no tensors, tensors of strings, and values of bodies that did not run are left out.
        The sizes come from onnxruntime's shape inference or, if that does not know them, from runs that
        return only sizes.
        """
        asked = list(dict.fromkeys(names))
        inner = self.bodies.among(asked)
        wanted = [name for name in asked if name not in inner]
        elements = self.bodies.elements(inner)
        elements.update(self._main_elements(wanted) if wanted else {})
        return {name: size * _BYTES for name, size in elements.items()}

    def typed(self, names: Sequence[str]) -> dict[str, str]:
        """Return value of the main graph -> its type, as onnxruntime writes it: `tensor(float)`."""
        session = self._session(names, self.model)
        return dict(zip(session.outputs, session.types, strict=True))

    def _main_elements(self, wanted: Sequence[str]) -> dict[str, int]:
        session = self._session(wanted, self.model)
        sizes: dict[str, int] = {}
        unknown: list[str] = []
        for name, kind, shape in zip(session.outputs, session.types, session.shapes, strict=True):
            if kind.startswith("tensor(") and kind != "tensor(string)":
                sizes[name] = prod(size for size in shape if isinstance(size, int)) * len(self.data.sets)
                if not shape or not all(isinstance(size, int) for size in shape):
                    unknown.append(name)
        del session
        sizes.update(self._measured(unknown) if unknown else {})
        return sizes

    def values(self, names: Sequence[str]) -> dict[str, list[Array]]:
        """Return the arrays of each value: one per input set; for a value of a body, one per step."""
        inner = self.bodies.among(names)
        recorded = self.bodies.recorded(inner, elements=True)
        self.steps.update({name: tuple(step for step, _ in found) for name, found in recorded.items()})
        result = {name: [array for _, array in found] for name, found in recorded.items()}
        outer = [name for name in names if name not in inner]
        result.update(self._main_values(outer) if outer else {})
        return result

    def _main_values(self, names: Sequence[str]) -> dict[str, list[Array]]:
        session = self._session(names, self.model)
        found: dict[str, list[Array]] = {name: [] for name in names}
        for given in self.data.run(session):
            for name, value in zip(names, given, strict=True):
                found[name].append(np.asarray(value))
        return found

    def _measured(self, names: Sequence[str]) -> dict[str, int]:
        """Return the number of elements of each value in all sets, from runs that return only sizes."""
        sized = onnx.ModelProto()
        sized.CopyFrom(self.model)
        taken = {name for node in sized.graph.node for name in node.output}
        outputs = [f"size of value {number}" for number in range(len(names))]
        while not taken.isdisjoint(outputs):
            outputs = [f"{name}'" for name in outputs]
        for name, output in zip(names, outputs, strict=True):
            sized.graph.node.add(op_type="Size", input=[name], output=[output])
        session = self._session(outputs, sized)
        runs = self.data.run(session)
        return {name: sum(map(int, found)) for name, *found in zip(names, *runs, strict=True)}

    def _session(self, outputs: Iterable[str], model: onnx.ModelProto) -> Session:
        del model.graph.output[:]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
        return self.data.session(model)


def in_parts(
    items: Iterable[tuple[Item, Set[Key]]], sizes: Mapping[Key, int], most: int
) -> Iterator[list[Item]]:
    """Yield parts: neighbouring items whose values fit into memory together. A shared value counts once.

    Args:
        items: items, each with the values that it needs; a value of unknown size counts as 0 bytes.
        sizes: bytes of the values.
        most: maximum bytes of one part; an item that needs more gets a part without other values.
    """
    part: list[Item] = []
    held: set[Key] = set()
    taken = 0
    for item, needs in items:
        wanted = {key for key in needs if key in sizes}
        more = sum(sizes[key] for key in wanted - held)
        if part and more and taken + more > most:
            yield part
            part, held, taken = [], set(), 0
            more = sum(sizes[key] for key in wanted)
        part.append(item)
        held |= wanted
        taken += more
    if part:
        yield part
