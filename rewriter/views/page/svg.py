"""The icicle as a drawing that stands still: for notebooks and documents."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from rewriter.modules.module import Module
from rewriter.paths import ROOT, ModulePath
from rewriter.views.escape import shorten, visible
from rewriter.views.page.findings import Findings
from rewriter.views.summary import counted, head_phrases, human, summarize

_ROW = 24
_TOP = 26
"""Pixels above the first row, for the title."""
_NARROWEST = 2.0
"""Pixels of a module that is drawn."""
_LETTER = 6.6
"""Pixels that a letter takes, about, at 12 px."""
_LONGEST_TIP = 400
_DEEPEST = 60
"""Rows at most: who nests deeper wants the page, where one can zoom."""

# The names are ours alone: in a notebook these rules hold for the whole page.
_STYLE = """
.onnx-module-icicle{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.onnx-module-icicle .title{fill:#61656c}
.onnx-module-icicle text{fill:#17202b}
.onnx-module-icicle .c0{fill:#b9d3ef}.onnx-module-icicle .c1{fill:#cfe1f5}
.onnx-module-icicle .none{fill:#d9dadb}
@media (prefers-color-scheme:dark){.onnx-module-icicle .title{fill:#9ba1a9}}
"""


class _Cell(NamedTuple):
    """A module where it is drawn, in pixels and rows."""

    module: Module
    row: int
    left: float
    width: float
    total: float


def icicle_svg(findings: Findings, by: str, *, width: int = 960) -> str:
    """The icicle as one SVG element, every name escaped.

    Args:
        findings: what is known of the model.
        by: what sizes are; one of `findings.measures`.
        width: pixels.
    """
    cells = list(_cells(findings, by, width)) if by in findings.measures else []
    height = _TOP + _ROW * (1 + max((cell.row for cell in cells), default=-1))
    whole = cells[0].total if cells else 0
    title = f"{head_phrases(summarize(findings.analysis))[0]} by {by}: {figure(by, whole)}"
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="onnx-module-icicle" role="img" width="{width}" ',
            f'height="{height}" viewBox="0 0 {width} {height}" aria-label="{_text(title)}">',
            f'<style>{_STYLE}</style><text class="title" x="0" y="16">{_text(title)}</text>',
            *(_drawn(cell, by, whole) for cell in cells),
            "</svg>",
        ]
    )


def figure(measure: str, total: float) -> str:
    """A total with its unit."""
    if measure == "time":
        return f"{total / 1000:.3g} ms" if total >= 1000 else f"{total:.3g} µs"
    if measure == "flops":
        return f"{human(round(total)).replace('B', 'G')} FLOPs"
    return counted(round(total), measure.removesuffix("s"))


def _cells(findings: Findings, by: str, width: float) -> Iterator[_Cell]:
    """The modules that are wide enough, the root first."""
    tree, own = findings.analysis.tree, findings.own(by)
    totals: dict[ModulePath, float] = {module.path: own.get(module.path, 0) for module in tree}
    for module in tree.innermost_first():
        if module.parent is not None:
            totals[module.parent] += totals[module.path]
    whole = totals[ROOT] + findings.homeless(by)
    stack = [_Cell(tree.root, 0, 0.0, width, whole)]
    while stack and whole:
        cell = stack.pop()
        yield cell
        left = cell.left
        for child in tree.children(cell.module.path):
            wide = totals[child.path] / whole * width
            if wide >= _NARROWEST and cell.row < _DEEPEST:
                stack.append(_Cell(child, cell.row + 1, left, wide, totals[child.path]))
            left += wide


def _drawn(cell: _Cell, by: str, whole: float) -> str:
    module = cell.module
    name = module.path.name or "(root)"
    tip = [
        module.path or "(root)",
        module.shown_class or "",
        f"{figure(by, cell.total)}, {cell.total / whole:.1%}",
    ]
    wide = max(cell.width - 1, 0.5)
    top = _TOP + cell.row * _ROW
    rectangle = (
        f'<rect class="c{cell.row % 2}" x="{cell.left:.1f}" y="{top}" width="{wide:.1f}" height="{_ROW - 1}"'
    )
    letters = int((wide - 8) / _LETTER)
    label = ""
    if letters >= 2:
        label = (
            f'<text x="{cell.left + 5:.1f}" y="{top + 16}">{_text(shorten(visible(name), letters))}</text>'
        )
    told = "\n".join(_text(each) for each in tip if each)
    return f'<g><title>{told}</title>{rectangle} rx="2"/>{label}</g>'


def _text(text: str) -> str:
    return escape(shorten(visible(text), _LONGEST_TIP))
