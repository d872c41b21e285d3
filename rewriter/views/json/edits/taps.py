"""Result of tap as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypedDict

from rewriter.edits.tap import TapOutcome
from rewriter.edits.taps.record import RunsShown, WhatTapped
from rewriter.views.escape import as_text
from rewriter.views.json.cutting import ValueJson, value_json
from rewriter.views.json.proof import VerificationJson, verification_json
from rewriter.views.json.rewrite import RefusalJson, refusals_json
from rewriter.views.json.types import Count
from rewriter.views.rewrite_report import Report

TAP: Final = "rewriter.tap/1"


class TappedValueJson(TypedDict):
    """Value that an output shows.

    Attributes:
        output: The new output, with its type.
        value: Name of the value in the model.
        what: output or input of a module, or a value that was named.
        module: Path of the module; null for a value that was named.
        call: Number of the call, from 0; null for a module that is called once, and for a named value.
        runs: The runs that the output shows of each graph body around the value, the nearest first: of a
            branch, the run, or no elements if another branch runs; of a Loop or Scan, the last one, or all,
            stacked along a first axis. Empty for a value of the main graph.
    """

    output: ValueJson
    value: str
    what: WhatTapped
    module: str | None
    call: Count | None
    runs: Sequence[RunsShown]


class TapJson(TypedDict):
    """Outputs of modules that became outputs of an ONNX model.

    Printed by `rewriter tap --json`.

    Attributes:
        flattened: Whether functions that `rewrite` or `replace` had made were inlined.
        taps: The new outputs, in the order of the model.
        refusals: Modules and values that were not tapped.
        outputs: Written files, the model last.
        removed: Removed files of a model that the output replaced: its sidecar, and data copies that
            nothing refers to any more.
    """

    schema: Literal["rewriter.tap/1"]
    flattened: bool
    taps: Sequence[TappedValueJson]
    refusals: Sequence[RefusalJson]
    verification: VerificationJson
    outputs: Sequence[str]
    removed: Sequence[str]


def tap_json(report: Report) -> TapJson:
    """Convert the report of a tap to JSON."""
    infos = {info.name: info for info in report.analysis.model.graph.output}
    return {
        "schema": TAP,
        "flattened": report.analysis.grouped,
        "taps": [
            {
                "output": value_json(infos[tap.output]),
                "value": as_text(tap.value),
                "what": tap.what,
                "module": tap.module,
                "call": tap.call,
                "runs": tap.runs,
            }
            for tap in report.outcome_of(TapOutcome).taps
        ],
        "refusals": refusals_json(report.refusals),
        "verification": verification_json(report.verification),
        "outputs": [str(path) for path in report.outputs],
        "removed": [str(path) for path in report.removed],
    }
