"""The child process of `contrast`: runs both models with values of their own as outputs, some at a time.

Run as `python -m rewriter.runtime.contrast_worker FOLDER`. Values stay in this process. How large each is
tells a run that returns shapes alone; then as many ports are compared together as memory is meant for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx

from rewriter.runtime.closeness import compare_port
from rewriter.runtime.contrast import Compared, Contrast, Port, write_contrast
from rewriter.runtime.feeds import Array
from rewriter.runtime.inputs import FeedError, Input
from rewriter.runtime.ort import RunError, Session
from rewriter.runtime.protocol import Stage
from rewriter.runtime.serving import serve
from rewriter.runtime.signature import signature
from rewriter.runtime.worker import Comparison

MOST_BYTES = 1 << 28
"""Values held at a time, of both models and all input sets; a port that takes more is held alone."""
_BYTES = 8
"""Of one element, at the most."""


class _Model:
    """One of the two, with the inputs it is run on."""

    def __init__(
        self, folder: Path, stage: Stage, data: str | None, sets: Sequence[dict[str, Array]]
    ) -> None:
        self.path = folder / f"slice-{stage}.onnx"
        self.data = data
        self.sets = sets
        self.model = onnx.load(folder / stage.model, load_external_data=False)
        self.inputs: tuple[Input, ...] = signature(self.model)

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """Bytes of the values that are tensors of numbers, at most, over all input sets."""
        wanted = list(dict.fromkeys(names))
        if not wanted:
            return {}
        session = self._session(wanted)
        kinds = dict(zip(session.outputs, session.types, strict=True))
        tensors = [name for name in wanted if _is_numeric(kinds[name])]
        if not tensors:
            return {}
        del session
        shaped = onnx.ModelProto()
        shaped.CopyFrom(self.model)
        taken = {name for node in shaped.graph.node for name in node.output}
        mark = "shape of value "
        while any(name.startswith(mark) for name in taken):
            mark += "'"
        outputs = [f"{mark}{number}" for number in range(len(tensors))]
        for name, output in zip(tensors, outputs, strict=True):
            shaped.graph.node.add(op_type="Size", input=[name], output=[output])
        session = self._session(outputs, shaped)
        sizes = dict.fromkeys(tensors, 0)
        for feeds in self.sets:
            for name, size in zip(tensors, session.run(self.inputs, feeds), strict=True):
                sizes[name] += int(size) * _BYTES
        return sizes

    def values(self, names: Sequence[str]) -> dict[str, list[Array]]:
        """Name -> its array in every input set."""
        if not names:
            return {}
        session = self._session(names)
        found: dict[str, list[Array]] = {name: [] for name in names}
        for feeds in self.sets:
            for name, value in zip(names, session.run(self.inputs, feeds), strict=True):
                found[name].append(np.asarray(value))
        return found

    def _session(self, outputs: Iterable[str], model: onnx.ModelProto | None = None) -> Session:
        model = model or self.model
        del model.graph.output[:]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
        self.path.write_bytes(model.SerializeToString())
        return Session(self.path, self.data, optimised=False, seed=0)


class Contrasting(Comparison):
    """One request at work in its folder; the inputs are found as for a comparison of outputs."""

    def run_ports(self) -> Contrast:
        """Find inputs, then compare port by port."""
        asked = json.loads((self.folder / "ports.json").read_text(encoding="utf-8"))
        ports = [Port(tuple(before), tuple(after), by_name) for before, after, by_name in asked["ports"]]
        _, found = self._original()
        places = self.request.folders
        first = _Model(self.folder, Stage.FIRST, places[Stage.FIRST], found.feeds)
        other = _Model(self.folder, Stage.SECOND, places[Stage.SECOND], [])
        other.sets = [_handed_on(feeds, other.inputs, asked["renamed"]) for feeds in found.feeds]
        sizes = (
            first.sizes(name for port in ports for name in port.before),
            other.sizes(name for port in ports for name in port.after),
        )
        compared: list[Compared] = []
        for part in parts_of(ports, sizes):
            before = first.values(_names((port.before for port in part), sizes[0]))
            after = other.values(_names((port.after for port in part), sizes[1]))
            compared.extend(compare_port(port, before, after, asked["tolerance"]) for port in part)
        return Contrast(len(found.feeds), tuple(compared))


def _is_numeric(kind: str) -> bool:
    return kind.startswith("tensor(") and kind != "tensor(string)"


def _names(sides: Iterable[Sequence[str]], sizes: dict[str, int]) -> list[str]:
    return list(dict.fromkeys(name for side in sides for name in side if name in sizes))


def _handed_on(feeds: dict[str, Array], inputs: Sequence[Input], renamed: dict[str, str]) -> dict[str, Array]:
    """The same arrays under the names, and of the types, that the other model wants."""
    found: dict[str, Array] = {}
    types = {each.name: each.element for each in inputs}
    for name, array in feeds.items():
        if (wanted := renamed.get(name)) in types:
            dtype = onnx.helper.tensor_dtype_to_np_dtype(types[wanted])
            found[wanted] = array if array.dtype in (dtype, object) else array.astype(dtype)
    return found


def parts_of(ports: Sequence[Port], sizes: tuple[dict[str, int], dict[str, int]]) -> Iterator[list[Port]]:
    """Neighbouring ports whose values fit into memory together; a value that several have counts once.

    Args:
        ports: all ports.
        sizes: bytes of the values, by name, in either model.
    """
    part: list[Port] = []
    held: set[tuple[int, str]] = set()
    taken = 0
    for port in ports:
        sides = enumerate((port.before, port.after))
        wanted = {(side, name) for side, names in sides for name in names if name in sizes[side]}
        more = sum(sizes[side][name] for side, name in wanted - held)
        if part and more and taken + more > MOST_BYTES:
            yield part
            part, held, taken = [], set(), 0
            more = sum(sizes[side][name] for side, name in wanted)
        part.append(port)
        held |= wanted
        taken += more
    if part:
        yield part


if __name__ == "__main__":
    serve(lambda folder: write_contrast(Contrasting(folder).run_ports(), folder), told=(RunError, FeedError))
