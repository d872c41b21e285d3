"""Writes the figures of modules as CSV for spreadsheets, one row per module."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping

from rewriter.insight.figures import Figures
from rewriter.modules.module import Module
from rewriter.paths import ModulePath
from rewriter.views.escape import visible

_FORMULA = ("=", "+", "-", "@")
_HEAD = (
    "path",
    "class",
    "kind",
    "depth",
    "calls",
    "nodes",
    "all_nodes",
    "parameters",
    "all_parameters",
    "bytes",
    "all_bytes",
    "flops",
    "all_flops",
    "unknown_flops",
    "all_unknown_flops",
)


def table(modules: Iterable[Module], figures: Mapping[ModulePath, Figures]) -> str:
    """Return a row per module, in the given order; columns named `all_...` include the modules below."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_HEAD)
    for module in modules:
        each = figures[module.path]
        numbers = (each.nodes, each.parameters, each.parameter_bytes, each.flops, each.unknown)
        writer.writerow(
            [
                _cell(module.path),
                _cell(module.class_name or ""),
                module.kind or "",
                module.depth,
                module.calls,
                *(number for pair in numbers for number in pair),
            ]
        )
    return stream.getvalue()


def _cell(text: str) -> str:
    """Escape a text so that a spreadsheet does not read it as a formula; names may contain anything."""
    shown = visible(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
