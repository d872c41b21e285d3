"""The code blocks of a page, and when what they print is what the page shows.

Blocks of two kinds run, `sh` and `python`; a `text` block right below one shows what it prints.
A block that prints and shows nothing is a fault, and so is one with an output that the page does not show.
A comment on the line above a block tells what is special about it:

    <!-- needs torch transformers -->   skipped, and said so, where one of these cannot be imported
    <!-- figures vary -->               only the words of the output are compared, see `plain`
    <!-- tools onnxruntime onnx -->     what these packages do shows; see `tests/news.py`
    <!-- not run: why -->               never run; for what installs things or takes minutes

A block of any language that opens with a name, as in `toml file=pyproject.toml`, is that file: it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_BLOCK = re.compile(
    r"(?:^<!-- (?P<notes>[^\n]*) -->\n)?"
    r"^```(?P<language>sh|python|\w+(?= file=))(?: file=(?P<file>\S+))?\n(?P<code>.*?\n)```$"
    r"(?:\n\n```text\n(?P<shown>.*?)\n```$)?",
    flags=re.DOTALL | re.MULTILINE,
)
_SPAN = re.compile(r"\b\d+(?:\.\d+)? (?:s|ms|us)\b")
_STATE = re.compile(r"^rewriter: [\d,]+ of [\d,]+ files · .*\n", re.MULTILINE)
_WRITTEN_SIZE = re.compile(r"(?<=\()\d+(?:\.\d+)? (?:B|kB|MB)(?=\))")
_FIGURE = re.compile(r"[<+-]?\b\d[\d.,]*(?:e[+-]?\d+)?[kMG]?(?: ?(?:%|s|ms|us|B|kB|MB)(?!\w))?")
_BAR = re.compile(r"[\u2581-\u258f]+")


@dataclass(frozen=True, slots=True)
class Block:
    """One block that runs.

    Attributes:
        language: `sh` or `python`; any for a file.
        code: what stands in it.
        shown: the output that the page shows; empty for none.
        needs: packages it imports that may be missing.
        figures_vary: whether only the words of its output are compared.
        tools: packages whose doings show; where one is not the newest that was measured, another output is
            news and no fault.
        not_run: why it never runs; empty where it does.
        file: the file that it is; empty where it runs.
        line: where it begins, from 1.
    """

    language: str
    code: str
    shown: str
    needs: tuple[str, ...] = ()
    figures_vary: bool = False
    tools: tuple[str, ...] = ()
    not_run: str = ""
    file: str = ""
    line: int = 1

    def agrees(self, printed: str) -> bool:
        """Whether the page shows what was printed."""
        return plain(self.shown, self.figures_vary) == plain(printed, self.figures_vary)


def blocks(page: str) -> list[Block]:
    """The blocks of a page, in order."""
    return [_block(match) for match in _BLOCK.finditer(page)]


def replaced(page: str, printed: Callable[[Block], str | None], figures: bool = False) -> str:
    """The page with the outputs that differ replaced by what is printed now; None leaves one alone.

    Args:
        page: the text.
        printed: what a block prints now.
        figures: whether outputs whose figures vary are replaced even where their words agree.
    """

    def again(match: re.Match[str]) -> str:
        block = _block(match)
        now = printed(block)
        if now is None or (block.agrees(now) and not (figures and block.figures_vary)):
            return match[0]
        head = match[0] if match["shown"] is None else match[0][: match.start("shown") - match.start()]
        head = head.removesuffix("\n\n```text\n")
        return f"{head}\n\n```text\n{now}\n```" if now else head

    return _BLOCK.sub(again, page)


def plain(output: str, figures_vary: bool = False) -> str:
    """The output without what differs from run to run.

    Always: seconds (`0.12 s`, `3 us`) and the sizes of written files (`(35.1 kB)`) are a `#`, blanks in a row
    are one, lines have none at their ends, and the state of a batch, which a slow machine shows after ten
    seconds, is left out. Where figures vary: every figure is a `#`, bars are gone, and the lines are sorted,
    since tables are ordered by what was measured.
    """
    text = _WRITTEN_SIZE.sub("#", _SPAN.sub("#", _STATE.sub("", output)))
    if figures_vary:
        text = _FIGURE.sub("#", _BAR.sub("", text))
    lines = [re.sub(r" +", " ", line).rstrip() for line in text.strip("\n").splitlines()]
    return "\n".join(sorted(lines) if figures_vary else lines)


def _block(match: re.Match[str]) -> Block:
    notes = [note.strip() for note in (match["notes"] or "").split(";")]
    needs, tools = (
        next((tuple(note.split()[1:]) for note in notes if note.startswith(f"{word} ")), ())
        for word in ("needs", "tools")
    )
    not_run = next((note for note in notes if note.startswith("not run: ")), "")
    return Block(
        match["language"],
        match["code"],
        match["shown"] or "",
        needs,
        "figures vary" in notes,
        tools,
        not_run.removeprefix("not run: "),
        match["file"] or "",
        match.string[: match.start("language")].count("\n") + 1,
    )
