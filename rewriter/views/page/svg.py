"""Draws the icicle as a static SVG, for notebooks and documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rewriter.basics.display import counted
from rewriter.modules.module import Module
from rewriter.paths import ROOT
from rewriter.views.escape import html_text, shown_last
from rewriter.views.page.findings import Findings
from rewriter.views.summary import head_phrases, human, summarize

_ROW = 24
_TOP = 26
"""Height of the title above the first row, in pixels."""
_NARROWEST = 2.0
"""Minimum width of a drawn module, in pixels."""
_LETTER = 6.6
"""Approximate width of a letter at 12 px, in pixels."""
_LONGEST_TIP = 400
UNPLACED = "(unplaced)"
_DEEPEST = 60
"""Maximum depth of a drawn module; deeper models need the page, which can zoom."""

# The class names have a prefix because the rules apply to the whole page of a notebook.
_STYLE = """
.onnx-module-icicle{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.onnx-module-icicle .title{fill:#61656c}
.onnx-module-icicle text{fill:#17202b}
.onnx-module-icicle .c0{fill:#b9d3ef}.onnx-module-icicle .c1{fill:#cfe1f5}
.onnx-module-icicle .none{fill:#d9dadb}
@media (prefers-color-scheme:dark){.onnx-module-icicle .title{fill:#9ba1a9}}
"""


class _Rectangle(NamedTuple):
    """Rectangle of a module, or of unplaced nodes and unmapped kernels if `module` is None.

    Attributes:
        module: the module, or None.
        row: number of the row, from the top.
        left: distance from the left border, in pixels.
        width: width in pixels.
        total: figure of the module and of all modules below.
    """

    module: Module | None
    row: int
    left: float
    width: float
    total: float


def icicle_svg(findings: Findings, by: str, *, width: int = 960) -> str:
    """Return the icicle as one SVG element.

    Args:
        findings: the results on the model.
        by: the figure that widths show: one of `findings.measures`; any other draws no module.
        width: width of the drawing in pixels.
    """
    cells = list(_cells(findings, by, width)) if by in findings.measures else []
    height = _TOP + _ROW * (1 + max((cell.row for cell in cells), default=-1))
    whole = max((cell.total for cell in cells), default=0)
    title = head_phrases(summarize(findings.analysis))[0] + (
        f" by {by}: {figure(by, whole)}" if cells else ""
    )
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
    """Format a total with its unit."""
    if measure == "time":
        return f"{total / 1000:.3g} ms" if total >= 1000 else f"{total:.3g} µs"
    if measure == "flops":
        return f"{human(round(total)).replace('B', 'G')} FLOPs"
    return counted(round(total), measure.removesuffix("s"))


def _cells(findings: Findings, by: str, width: float) -> Iterator[_Rectangle]:
    """Yield the rectangles of modules that are neither too narrow nor too deep, and of unplaced nodes."""
    tree, totals, outside_modules = findings.analysis.tree, findings.totals(by), findings.outside_modules(by)
    whole = totals[ROOT]
    stack = [_Rectangle(tree.root, 0, 0.0, width, whole)]
    while stack and whole:
        cell = stack.pop()
        assert cell.module is not None  # the rectangle of unplaced nodes is never on the stack
        yield cell
        children = tree.children(cell.module.path)
        beside = 0.0 if cell.module.path else outside_modules
        # Medians of submodules may add up to more than the median of the module.
        inside = max(cell.total, beside + sum(totals[child.path] for child in children))
        scale = cell.width / inside if inside else 0.0
        left = cell.left
        if beside:
            yield _Rectangle(None, 1, cell.left + cell.width - beside * scale, beside * scale, beside)
        for child in children:
            wide = totals[child.path] * scale
            if wide >= _NARROWEST and cell.row < _DEEPEST:
                stack.append(_Rectangle(child, cell.row + 1, left, wide, totals[child.path]))
            left += wide


def _drawn(cell: _Rectangle, by: str, whole: float) -> str:
    path = cell.module.path if cell.module else UNPLACED
    name = shown_last(cell.module.path) if cell.module else UNPLACED
    class_name = cell.module.shown_class if cell.module else None
    tip = [path or "(root)", class_name, f"{figure(by, cell.total)}, {cell.total / whole:.1%}"]
    told = "\n".join(_text(each) for each in tip if each)
    place = f'x="{cell.left:.1f}" y="{_TOP + cell.row * _ROW}" width="{max(cell.width - 1, 0.5):.1f}"'
    colour = f"c{cell.row % 2}" if cell.module else "none"
    label = ""
    if (letters := int((cell.width - 8) / _LETTER)) >= 2:
        # A nested svg element clips labels that are wider than estimated.
        shown = html_text(name, letters)
        label = f'<svg {place} height="{_ROW}"><text x="5" y="16">{shown}</text></svg>'
    return f'<g><title>{told}</title><rect class="{colour}" {place} height="{_ROW - 1}" rx="2"/>{label}</g>'


def _text(text: str) -> str:
    return html_text(text, _LONGEST_TIP)
