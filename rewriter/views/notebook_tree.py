"""Writes the module tree as a self-contained HTML fragment for notebooks, without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from rewriter.modules.analysis import Analysis
from rewriter.modules.module_tree import ModuleTree
from rewriter.views.coverage import WOULD_HELP, coverage_phrases, would_help
from rewriter.views.escape import html_text, shown_last
from rewriter.views.rows import LONG, Row, Rows
from rewriter.views.summary import head_phrases, human, summarize

_LINES = 2000
"""Maximum number of lines, since notebooks store every output in their file."""
_DEPTH = 100
"""Maximum nesting, since browsers stop nesting elements at 512."""
_OPEN = 40
"""Maximum number of modules of a tree that is fully unfolded; in a larger tree, `_OPEN_DEPTH` levels of
modules are unfolded."""
_OPEN_DEPTH = 3
_LONGEST = 120
"""Maximum number of characters of a name."""
_LONGEST_TIP = 1000
"""Maximum number of characters of a tooltip, and of a line of text."""

# Text has the colour of the page, and the other colours are visible on light and dark themes.
_STYLE = """
.onnx-module-tree{font:13px/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
 color:inherit;max-width:70em;overflow-x:auto}
.onnx-module-tree p{margin:0}
.onnx-module-tree .faint{opacity:.65}
.onnx-module-tree summary{cursor:pointer;list-style:none}
.onnx-module-tree summary::-webkit-details-marker{display:none}
.onnx-module-tree .line{display:grid;grid-template-columns:minmax(14em,1fr) 14em 8em 5em 4em 10em;
 column-gap:1em;white-space:nowrap}
.onnx-module-tree .line:hover{background:rgba(127,127,127,.15)}
.onnx-module-tree .line>span{overflow:hidden;text-overflow:ellipsis}
.onnx-module-tree .figure{text-align:right}
.onnx-module-tree .fold::before{content:"\\25b8";display:inline-block;width:1.2em;opacity:.65}
.onnx-module-tree details[open]>summary .fold::before{content:"\\25be"}
.onnx-module-tree .leaf::before{content:"";display:inline-block;width:1.2em}
.onnx-module-tree .percent{display:inline-block;width:3em;text-align:right}
.onnx-module-tree .share{display:inline-block;height:.7em;min-width:1px;border-radius:2px;background:#4c8df5}
"""


def tree_html(analysis: Analysis) -> str:
    """Return the tree of a model as an HTML fragment, for `_repr_html_`."""
    head = head_phrases(summarize(analysis))
    return modules_html(analysis.tree, head, analysis.notes, would_help(analysis.model))


def modules_html(
    tree: ModuleTree, head: Sequence[str] = (), notes: Sequence[str] = (), remedy: str = WOULD_HELP
) -> str:
    """Return a tree as an HTML fragment.

    Args:
        tree: the modules.
        head: phrases on the file, for the first line.
        notes: notes, one line each.
        remedy: the means to place nodes, shown if no node is placed.
    """
    dot = " · "
    parts = [f'<div class="onnx-module-tree"><style>{_STYLE}</style>']
    parts += [f"<p><strong>{_text(dot.join(head))}</strong></p>"] if head else []
    parts += [f"<p>{_text(dot.join(coverage_phrases(tree)))}</p>"]
    parts += [f'<p class="faint">{_text(note)}</p>' for note in notes]
    if tree.placements and not any(tree.placements):
        parts.append(f'<p class="faint">{_text(remedy)}</p>')
    if len(tree) > 1 or any(tree.placements):
        parts.append(_line(("module", "class", "nodes / all", "params", "calls", "share"), "faint"))
        parts.extend(_lines(Rows(tree, _DEPTH, merge=len(tree) > LONG), unfold=len(tree) <= _OPEN))
    return "".join([*parts, "</div>"])


def _lines(rows: Rows, *, unfold: bool) -> Iterator[str]:
    opened: list[int] = []
    remaining = iter(rows)
    for row in islice(remaining, _LINES):
        depth = len(row.last)
        while opened and opened[-1] >= depth:
            opened.pop()
            yield "</details>"
        if row.shown:
            opened.append(depth)
            yield f"<details{' open' if unfold or depth < _OPEN_DEPTH else ''}><summary>{_row(row)}</summary>"
        else:
            yield _row(row)
    yield "</details>" * len(opened)
    if left := sum(1 for _ in remaining):
        yield f'<p class="faint">{left:,} more lines are not shown here</p>'


def _row(row: Row) -> str:
    module = row.module
    name = _name(shown_last(module.path))
    if row.through:
        name += f' … {_name(shown_last(row.through.path))} <span class="faint">{row.alike:,} alike</span>'
    if row.hidden:
        name += f' <span class="faint">+{row.hidden:,} below</span>'
    if row.folding:
        name += f' <span class="faint">{_name(row.folding)}</span>'
    indent = f'<span style="padding-left:{len(row.last) * 1.2:.1f}em"></span>'
    mark = "fold" if row.shown else "leaf"
    percent = f"{row.share:.0%}" if row.share >= 0.01 else "&lt;1%"
    bar = f'<span class="share" style="width:{row.share * 6:.2f}em"></span>'
    cells = (
        f'<span title="{_tip(module.path)}">{indent}<span class="{mark}">{name}</span></span>',
        f'<span class="faint" title="{_tip(module.class_name)}">{_name(module.shown_class)}</span>',
        f"{len(module.nodes):,} / {module.total_nodes:,}",
        human(row.parameters) if row.parameters else "",
        f"×{module.calls:,}" if module.calls > 1 else "",  # noqa: RUF001
        f'<span class="percent">{percent}</span> {bar}' if row.share else "",
    )
    return _line(cells)


def _line(cells: tuple[str, str, str, str, str, str], style: str = "") -> str:
    """Return a line of cells, given as HTML: name, class, three figures, share."""
    name, class_name, *figures, share = (f"<span>{cell}</span>" for cell in cells)
    right = "".join(f'<span class="figure">{figure}</span>' for figure in figures)
    return f'<div class="line {style}">{name}{class_name}{right}{share}</div>'


def _name(text: str | None) -> str:
    return html_text(text or "", _LONGEST)


def _tip(text: str | None) -> str:
    return html_text(text or "", _LONGEST_TIP)


def _text(text: str) -> str:
    return html_text(text, _LONGEST_TIP)
