"""Writes a comparison and a profile as self-contained HTML fragments for notebooks, without scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from rewriter.insight.comparison.module_diff import Diff, ModuleDiff
from rewriter.insight.profile import Profile
from rewriter.insight.time_by_module import ModuleTime
from rewriter.modules.module import plain_name
from rewriter.paths import ROOT, ModulePath
from rewriter.views.escape import html_text
from rewriter.views.text.differences.module_lines import change_lines, figures_of
from rewriter.views.text.differences.printing import is_shown
from rewriter.views.text.differences.sentences import compared_phrases, headline, notes_of
from rewriter.views.text.profile import head_lines, percent_text, shown_modules, spread_text, time_text

_LINES = 2000
"""Maximum number of lines, since notebooks store every output in their file."""
_DEEPEST = 40
"""Maximum depth of the indentation."""
_LONGEST = 240
"""Maximum number of characters of a cell, and of a tooltip."""
_DOT = " · "

# Text has the colour of the page, and the other colours are visible on light and dark themes.
_STYLE = """
.onnx-module-result{font:13px/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
 color:inherit;max-width:80em;overflow-x:auto}
.onnx-module-result p{margin:0}
.onnx-module-result .faint{opacity:.65}
.onnx-module-result .line{display:grid;column-gap:1em;white-space:nowrap}
.onnx-module-result .line:hover{background:rgba(127,127,127,.15)}
.onnx-module-result .line>span{overflow:hidden;text-overflow:ellipsis}
.onnx-module-result .diff{grid-template-columns:minmax(14em,1fr) 3fr}
.onnx-module-result .time{grid-template-columns:minmax(14em,1fr) 14em 6em 5em 6em 10em}
.onnx-module-result .good{color:#2f9e44}
.onnx-module-result .bad{color:#e03131}
.onnx-module-result .mark{color:#b8860b}
.onnx-module-result .figure{text-align:right}
.onnx-module-result .share{display:inline-block;height:.7em;min-width:1px;border-radius:2px;
 background:#4c8df5}
"""
_COLOURS = {"green": "good", "red": "bad", "bold red": "bad", "yellow": "mark", "": ""}
"""Style of a name in a terminal -> class of the fragment."""


class _TableCell(NamedTuple):
    """A cell of a line: its HTML, its tooltip as text, and its class."""

    html: str
    tip: str = ""
    style: str = ""


def diff_html(found: Diff) -> str:
    """Return a comparison as an HTML fragment: the first divergence, and the modules that differ."""
    colour = "good" if found.equal else "bad"
    head = [f'<p class="{colour}"><strong>{_text(headline(found))}</strong></p>']
    head += [f"<p>{_text(_DOT.join(compared_phrases(found)))}</p>"]
    head += [f'<p class="faint">{_text(note)}</p>' for note in notes_of(found)]
    shown = {module.path: module for module in found.modules if is_shown(found, module)}
    return _fragment(head, _differences(found, shown))


def profile_html(found: Profile) -> str:
    """Return a profile as an HTML fragment: the runs, and the time of modules as in the terminal."""
    if found.skipped is not None:
        return _fragment([f"<p>{_text(f'no profile: {found.skipped}')}</p>"], ())
    first, *others = (_DOT.join(phrases) for phrases in head_lines(found))
    head = [f"<p><strong>{_text(first)}</strong></p>", *(f"<p>{_text(line)}</p>" for line in others)]
    times = {each.path: each for each in found.modules}
    shown = shown_modules(found, times)
    lines = [_line("time faint", map(_TableCell, ("module", "class", "total", "spread", "own", "share")))]
    lines += [_time_line(found, times[module.path]) for module in found.analysis.tree if module.path in shown]
    return _fragment(head, lines)


def _fragment(head: Sequence[str], lines: Iterable[str]) -> str:
    remaining = iter(lines)
    listed = list(islice(remaining, _LINES))
    if left := sum(1 for _ in remaining):
        listed.append(f'<p class="faint">{left:,} more lines are not shown here</p>')
    return "".join([f'<div class="onnx-module-result"><style>{_STYLE}</style>', *head, *listed, "</div>"])


def _differences(found: Diff, shown: dict[ModulePath, ModuleDiff]) -> Iterator[str]:
    """Yield a line for each shown module, after lines of its ancestors, and a line for each change."""
    known: set[ModulePath] = set()
    for path, module in shown.items():
        for above in (*reversed(tuple(path.ancestors())), path):
            if above not in known and above != path:
                yield _line("diff", [_module(above), _TableCell("")])
            known.add(above)
        figures, style = figures_of(found, module)
        yield _line("diff", [_module(path, _COLOURS[style]), _TableCell(_text(figures), figures)])
        for change in change_lines(module):
            yield _line("diff faint", [_TableCell(""), _TableCell(_text(change), change)])


def _time_line(found: Profile, time: ModuleTime) -> str:
    share = found.share_of(time.total)
    bar = f'<span class="share" style="width:{share * 6:.2f}em"></span>' if share else ""
    own = time_text(time.own.median) if time.own.median else ""
    return _line(
        "time",
        (
            _module(time.path),
            _TableCell(_text(plain_name(time.class_name or "")), time.class_name or "", "faint"),
            *(
                _TableCell(text, style="figure")
                for text in (time_text(time.total.median), spread_text(time.total), own)
            ),
            _TableCell(f"{_text(percent_text(share))} {bar}"),
        ),
    )


def _module(path: ModulePath, style: str = "") -> _TableCell:
    indent = f'<span style="padding-left:{min(path.depth, _DEEPEST) * 1.2:.1f}em"></span>'
    return _TableCell(f"{indent}{_text(path.name if path != ROOT else '(root)')}", path, style)


def _line(style: str, cells: Iterable[_TableCell]) -> str:
    spans = "".join(
        f'<span class="{each.style}" title="{_text(each.tip)}">{each.html}</span>' for each in cells
    )
    return f'<div class="line {style}">{spans}</div>'


def _text(text: str) -> str:
    return html_text(text, _LONGEST)
