"""Differences and profiles in a terminal: any width, ASCII alone, hostile names."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

import rewriter
from rewriter.insight.comparison.module_diff import Diff
from rewriter.insight.profile import Profile
from rewriter.paths import ModulePath
from rewriter.views.text.differences.printing import print_diff
from rewriter.views.text.differences.sentences import headline
from rewriter.views.text.profile import print_profile
from tests.build import model

BODY = """
g (float[2,4] x) => (float[2,4] y)
<float[4] "layers.0.fc.bias" = {1,2,3,4}, float[4] "layers.1.fc.bias" = {1,2,3,4}>
{
  ["/layers.0/fc/Add"] a = Add(x, "layers.0.fc.bias")
  ["/layers.0/act/Relu"] b = Relu(a)
  ["/layers.1/fc/Add"] c = Add(b, "layers.1.fc.bias")
  ["/layers.1/act/Relu"] y = Relu(c)
}
"""
CHANGED = BODY.replace("Relu(a)", "Tanh(a)").replace("Relu(c)", "Tanh(c)")
EVIL = "\x1b[31mred\u202e"


def printed(
    found: Diff | Profile, width: int = 80, *, encoding: str = "utf-8", everything: bool = False
) -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    console = Console(file=stream, width=width, highlight=False)
    if isinstance(found, Diff):
        print_diff(found, console, everything=everything)
    else:
        print_profile(found, console)
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode(encoding)


@pytest.fixture(scope="module")
def both() -> Diff:
    return rewriter.diff(model(BODY), model(CHANGED))


@pytest.fixture(scope="module")
def profile() -> Profile:
    return rewriter.profile(model(BODY), rounds=2, threads=1)


def test_alike_siblings_share_a_line() -> None:
    lines = printed(rewriter.diff(model(BODY), model(CHANGED), numbers=False)).splitlines()
    assert lines[0] == "✗ the modules differ"
    assert [line.strip("│└─ ") for line in lines[3:]] == [
        "(root)",
        "layers",
        "0 … 1 (2 alike)",
        "act",
        "operators -Relu, +Tanh",
    ]


def test_the_headline_stays_on_one_line(both: Diff) -> None:
    lines = printed(both, width=20).splitlines()
    assert lines[0].endswith(headline(both))
    assert "layers.0.act, call 0, max " in lines[0]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_any_width_and_ascii(both: Diff, profile: Profile, width: int, encoding: str) -> None:
    for text in (
        printed(both, width, encoding=encoding, everything=True),
        printed(profile, 80, encoding=encoding),
    ):
        assert all(cell_len(line) <= max(width, 80) for line in text.splitlines()[1:])


def test_everything_shows_equal_modules_too(both: Diff) -> None:
    text = printed(both, everything=True)
    assert "fc  equal" in text
    assert "more modules" not in text
    assert "fc" not in printed(rewriter.diff(model(BODY), model(CHANGED), numbers=False))


def test_hostile_names_are_escaped() -> None:
    evil = BODY.replace("layers.1", f"layers.{EVIL}")
    found = rewriter.diff(model(evil), model(evil.replace("Relu(c)", "Tanh(c)")))
    assert any(EVIL in path for path in found.after.tree.modules)
    for text in (
        printed(found, everything=True),
        printed(rewriter.profile(model(evil), rounds=1, threads=1)),
    ):
        assert "\x1b[31m" not in text
        assert "\u202e" not in text


def test_only_what_was_chosen_is_shown(both: Diff) -> None:
    stream = io.StringIO()
    print_diff(both, Console(file=stream, width=80), frozenset({ModulePath("layers.1.act")}))
    assert "layers" in stream.getvalue()
    assert stream.getvalue().count("act") == 2  # in the first line and in the tree
