"""Two models on the same inputs, value by value: what the parent asks of the child, and what came back.

The child (`contrast_worker`) does the work: a session can crash, and values are large while differences are
not. Files in the folder beside those of `protocol`:

ports.json      for every port the names of its values in either model
renamed.json    input of the original -> input of the other
found.json      for every port what `Compared` says
reason          why there is nothing, in one line
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import onnx
from google.protobuf.message import EncodeError

from rewriter.runtime.feeds import Array, Plan
from rewriter.runtime.handed import write_inputs
from rewriter.runtime.overloads import first_misread
from rewriter.runtime.protocol import Request, Stage
from rewriter.runtime.sessions import in_child, scratch, why_failed
from rewriter.runtime.weights import SharedWeights, holds_weights

_WORKER = "rewriter.runtime.contrast_worker"
_PROBING_SHARE = 0.25


class Port(NamedTuple):
    """One side of a call: the values that go in, or come out, by name in the main graph of either model.

    `by_name` tells that equal names mean equal values, whatever else there is.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    by_name: bool = False


class Pair(NamedTuple):
    """Two values taken for the same.

    Attributes:
        before: the name in the one model.
        after: the name in the other.
        max_abs: the largest absolute difference over all input sets; infinite where NaN stands against a
            number.
        relative: that over the largest magnitude in either, or over 1e-3 where that is less.
    """

    before: str
    after: str
    max_abs: float
    relative: float


class Compared(NamedTuple):
    """What was found at one port; values with no partner are told with their shapes: `mask (1, 8)`."""

    pairs: tuple[Pair, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    @property
    def worst(self) -> Pair | None:
        """The pair that is farthest apart, relative to its size; None where nothing could be compared."""
        return max(self.pairs, key=lambda pair: (pair.relative, pair.max_abs), default=None)


@dataclass(frozen=True, slots=True)
class Contrast:
    """All ports, in the order they were asked for; `skipped` says why there are none."""

    runs: int
    ports: tuple[Compared, ...]
    skipped: str | None = None


def contrast(
    models: Mapping[Stage, onnx.ModelProto],
    folders: Mapping[Stage, Path | None],
    ports: Sequence[Port],
    *,
    plan: Plan,
    renamed: Mapping[str, str],
    given: Mapping[str, Array] | None,
    sets: int,
    tolerance: float,
    timeout: float,
) -> Contrast:
    """Run both models without optimisations on the same inputs and compare values at ports.

    Args:
        models: the structure of both; external weights stay in their files.
        folders: where these files lie.
        ports: which values belong together; those of one port are matched by name, shape and closeness.
        plan: how to draw input sets for the original.
        renamed: input of the original -> input of the other model.
        given: one array per input of the plan, used instead of drawn ones.
        sets: how many input sets to draw.
        tolerance: up to where values of another shape with as many elements count as the same, reshaped.
        timeout: seconds for everything.

    Returns:
        What was found; a crash or a timeout is told, never raised.
    """
    if reason := first_misread(models.values()):
        return Contrast(0, (), reason)
    with scratch() as folder:
        places = {stage: None if path is None else str(path.resolve()) for stage, path in folders.items()}
        heavy = {stage: model for stage, model in models.items() if holds_weights(model)}
        moved = {**models, **SharedWeights(folder).move(heavy)} if heavy else dict(models)
        places.update(dict.fromkeys(heavy, str(folder)))
        request = Request(plan, sets, 0, given is not None, False, timeout * _PROBING_SHARE, places)
        request.write(folder / "request.json")
        try:
            for stage, model in moved.items():
                (folder / stage.model).write_bytes(model.SerializeToString())
        except (EncodeError, ValueError):
            return Contrast(0, (), "a model over 2 GB with its weights loaded cannot be run")
        if given is not None:
            write_inputs(folder, (given[each.name] for each in plan.inputs))
        asked = {"ports": ports, "renamed": dict(renamed), "tolerance": tolerance}
        (folder / "ports.json").write_text(json.dumps(asked), encoding="utf-8")
        code = in_child(_WORKER, folder, timeout)
        if code == 0 and (folder / "found.json").exists():
            return read_contrast(folder)
        return Contrast(0, (), why_failed(folder, code))


def write_contrast(found: Contrast, folder: Path) -> None:
    """Hand the result over as a file."""
    (folder / "found.json").write_text(json.dumps(asdict(found)), encoding="utf-8")


def read_contrast(folder: Path) -> Contrast:
    """Read what `write_contrast` wrote."""
    fields = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    ports = (
        Compared(tuple(Pair(*pair) for pair in pairs), tuple(before), tuple(after))
        for pairs, before, after in fields["ports"]
    )
    return Contrast(fields["runs"], tuple(ports), fields["skipped"])
