"""The child process of `intermediates`: runs a model with its values as outputs, a slice of them at a time.

Run as `python -m rewriter.runtime.observer FOLDER`. Values stay in this process; what is written are their
fingerprints. How large each value is tells onnxruntime's shape inference, and where that does not know, a
run that returns shapes alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import prod
from pathlib import Path

import onnx

from rewriter.model.operators import canonical
from rewriter.runtime.fingerprints import Fingerprint, fingerprint
from rewriter.runtime.handed import read_inputs
from rewriter.runtime.intermediates import Watch, write_fingerprints
from rewriter.runtime.ort import RunError, Session
from rewriter.runtime.serving import serve

_BYTES = 8
"""Of one element, at the most: a bound, and fingerprints are made in float64."""


class Observation:
    """One model and its inputs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.watch = Watch.read(folder / "request.json")
        self.model = onnx.load(folder / "model.onnx", load_external_data=False)
        _stop_dropping(self.model.graph)
        self.feeds = read_inputs(folder, self.watch.inputs)

    def run(self) -> dict[str, Fingerprint]:
        """The fingerprints of all values, run in slices."""
        self._state_shapes()
        names = list(dict.fromkeys(name for node in self.model.graph.node for name in node.output if name))
        session = self._session(names)
        sizes = {
            name: _size(shape)
            for name, kind, shape in zip(session.outputs, session.types, session.shapes, strict=True)
            if kind.startswith("tensor(") and kind != "tensor(string)"
        }
        unknown = [name for name, size in sizes.items() if size is None]
        if unknown:
            del session
            sizes.update(self._measured(unknown))
        known = {name: size or 0 for name, size in sizes.items()}
        found: dict[str, Fingerprint] = {}
        for part in _slices(known, self.watch.most_bytes // _BYTES):
            session = self._session(part)
            for name, value in zip(part, session.run(self.watch.inputs, self.feeds), strict=True):
                if (print_ := fingerprint(value)) is not None:
                    found[name] = print_
            del session
        return found

    def _state_shapes(self) -> None:
        """Give the inputs the sizes they have in this run, so that shapes follow from them."""
        for info in self.model.graph.input:
            if info.name in self.feeds:
                shape = info.type.tensor_type.shape
                shape.ClearField("dim")
                for size in self.feeds[info.name].shape:
                    shape.dim.add().dim_value = size

    def _measured(self, names: Sequence[str]) -> dict[str, int]:
        """The sizes of values, from a run that returns shapes alone."""
        sized = onnx.ModelProto()
        sized.CopyFrom(self.model)
        taken = {name for node in sized.graph.node for name in node.output}
        outputs = [f"size of value {number}" for number in range(len(names))]
        while not taken.isdisjoint(outputs):
            outputs = [f"{name}'" for name in outputs]
        for name, output in zip(names, outputs, strict=True):
            sized.graph.node.add(op_type="Size", input=[name], output=[output])
        session = self._session(outputs, sized)
        results = session.run(self.watch.inputs, self.feeds)
        return {name: int(result) for name, result in zip(names, results, strict=True)}

    def _session(self, outputs: Iterable[str], model: onnx.ModelProto | None = None) -> Session:
        model = model or self.model
        del model.graph.output[:]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
        path = self.folder / "slice.onnx"
        path.write_bytes(model.SerializeToString())
        return Session(path, self.watch.folder, optimised=False, seed=0)


def _stop_dropping(graph: onnx.GraphProto) -> None:
    """Take from every Dropout the input that says it trains: what drops by chance is found nowhere else."""
    for node in graph.node:
        if node.op_type == "Dropout" and not canonical(node.domain):
            del node.input[2:]
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                _stop_dropping(body)


def _size(shape: Sequence[int | str | None]) -> int | None:
    return prod(size for size in shape if isinstance(size, int)) if _is_known(shape) else None


def _is_known(shape: Sequence[int | str | None]) -> bool:
    return bool(shape) and all(isinstance(size, int) for size in shape)


def _slices(sizes: dict[str, int], most: int) -> Iterator[list[str]]:
    """The names in order, in parts of `most` elements; what is larger stands alone."""
    part: list[str] = []
    held = 0
    for name, size in sizes.items():
        if part and held + size > most:
            yield part
            part, held = [], 0
        part.append(name)
        held += size
    if part:
        yield part


if __name__ == "__main__":
    serve(lambda folder: write_fingerprints(Observation(folder).run(), folder), told=(RunError,))
