"""Runs one model and brings back the fingerprints of every value of its main graph.

The child process (`observer`) does the work: a session can crash, and values that are only looked at there
need not be carried over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx

from rewriter.refusals import UsageError
from rewriter.runtime.feeds import Array
from rewriter.runtime.fingerprints import Fingerprint
from rewriter.runtime.handed import write_inputs
from rewriter.runtime.inputs import Input
from rewriter.runtime.overloads import misread
from rewriter.runtime.sessions import demand_result, in_child, scratch
from rewriter.runtime.signature import signature
from rewriter.runtime.weights import SharedWeights, holds_weights

_OBSERVER = "rewriter.runtime.observer"

MOST_BYTES = 1 << 28
"""Values held at a time, beside what one run of the model needs anyway."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What the child is to do: `folder` holds external data, `inputs` lie in files."""

    inputs: tuple[Input, ...]
    folder: str | None
    most_bytes: int

    def write(self, path: Path) -> None:
        """Writes the request as JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Watch:
        """Reads what `write` wrote."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        inputs = tuple(
            Input(each["name"], each["element"], None if each["dims"] is None else tuple(each["dims"]))
            for each in fields["inputs"]
        )
        return cls(inputs, fields["folder"], fields["most_bytes"])


def intermediates(
    model: onnx.ModelProto,
    folder: Path | None,
    feeds: Mapping[str, Array],
    *,
    most_bytes: int = MOST_BYTES,
    timeout: float = 600.0,
) -> dict[str, Fingerprint]:
    """The fingerprints of the values that the nodes of the main graph write, by name.

    Values that are no tensors of numbers, or empty, are left out.

    Args:
        model: the structure; external weights stay in their files.
        folder: where these files lie.
        feeds: an array for every input.
        most_bytes: how much of the values is held at a time; a larger value is held alone.
        timeout: seconds for everything.

    Raises:
        UsageError: the model does not run on these inputs.
        NoRuntime: onnxruntime does not import here.
    """
    if reason := misread(model):
        raise UsageError(f"the model does not run on the sample inputs: {reason}")
    with scratch() as place:
        data = None if folder is None else str(folder.resolve())
        if holds_weights(model):
            model, data = SharedWeights(place).move({"model": model})["model"], str(place)
        inputs = signature(model)
        Watch(inputs, data, most_bytes).write(place / "request.json")
        (place / "model.onnx").write_bytes(model.SerializeToString())
        write_inputs(place, (feeds[each.name] for each in inputs))
        code = in_child(_OBSERVER, place, timeout)
        if (why := demand_result(place, code, "fingerprints.json")) is not None:
            raise UsageError(f"the model does not run on the sample inputs: {why}")
        return read_fingerprints(place)


def write_fingerprints(found: Mapping[str, Fingerprint], folder: Path) -> None:
    """Hands fingerprints over as files in a folder."""
    facts = [[name, print_.shape, print_.kind, print_.scale, print_.plain] for name, print_ in found.items()]
    (folder / "fingerprints.json").write_text(json.dumps(facts), encoding="utf-8")
    np.save(folder / "samples.npy", np.array([each.sample for each in found.values()]))


def read_fingerprints(folder: Path) -> dict[str, Fingerprint]:
    """Reads what `write_fingerprints` wrote."""
    facts = json.loads((folder / "fingerprints.json").read_text(encoding="utf-8"))
    samples = np.load(folder / "samples.npy", allow_pickle=False)
    return {
        name: Fingerprint(tuple(shape), kind, samples[row], scale, plain)
        for row, (name, shape, kind, scale, plain) in enumerate(facts)
    }
