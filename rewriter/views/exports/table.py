"""One row of figures for each module, as CSV for spreadsheets."""

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
    """The rows, in the given order; columns that begin with `all_` count the modules below as well."""
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
    """Text that no spreadsheet reads as a formula: names in a file may contain anything."""
    shown = visible(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
