"""Record of the taps in a model: one metadata entry on the model, from which `untap` removes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from onnx import ModelProto

from rewriter.errors import UnreadableModel
from rewriter.evidence.metadata.tags import TAPS
from rewriter.model import metadata

WhatTapped = Literal["output", "input", "value"]
"""The kind of a tapped value: output of a module, input of a module, or a value that a user named."""
RunsShown = Literal["branch", "last", "stacked"]
"""The runs of a body that an output shows.

`branch`: the one run of a branch, or no elements if another branch runs. `last`: the last iteration, or no
elements without iterations. `stacked`: all iterations, along a new first axis.
"""


@dataclass(frozen=True, slots=True)
class TappedValue:
    """Value inside a model that an output of the model shows.

    Attributes:
        output: name of the output.
        value: name of the value.
        what: the kind of the value.
        module: path of the module; None for a value that a user named.
        call: number of the call; None for a module with a single call, and for a named value.
        made: names of the values that exist only for this tap, in the main graph and in graph bodies.
        runs: the runs that the output shows of each body around the value, the nearest first; () in the main
            graph.
    """

    output: str
    value: str
    what: WhatTapped
    module: str | None = None
    call: int | None = None
    made: tuple[str, ...] = ()
    runs: tuple[RunsShown, ...] = ()


def read_taps(model: ModelProto) -> tuple[TappedValue, ...]:
    """Return the taps that a model records.

    Raises:
        UnreadableModel: the entry is not one that `tap` writes.
    """
    text = metadata.get(model, TAPS)
    if text is None:
        return ()
    try:
        return tuple(_tap(**each) for each in json.loads(text)["taps"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UnreadableModel(
            f"metadata {TAPS!r} is damaged, so its taps are not known; remove the entry by hand"
        ) from None


def _tap(made: list[str], runs: list[RunsShown], **others: Any) -> TappedValue:
    return TappedValue(**others, made=tuple(made), runs=tuple(runs))


def write_taps(model: ModelProto, taps: Sequence[TappedValue]) -> None:
    """Record taps on a model; without any, remove the record."""
    if not taps:
        metadata.erase(model, [TAPS])
        return
    entry = {"version": 1, "taps": [asdict(tap) for tap in taps]}
    metadata.write(model, {TAPS: json.dumps(entry, ensure_ascii=False, separators=(",", ":"))})
