"""Help pages: examples stay on lines of their own, exit codes are told, every verb is in the list."""

from __future__ import annotations

import re

import pytest
from click import Context, Group
from click.testing import CliRunner

from rewriter.cli import cli as command
from rewriter.cli.help_pages import exit_codes
from tests.cli.running import heard

assert isinstance(command, Group)
cli = command
VERBS = sorted(cli.list_commands(Context(cli)))


def page_of(verb: str) -> str:
    return CliRunner().invoke(cli, [verb, "--help"]).output


@pytest.mark.parametrize("verb", VERBS)
def test_examples_stand_on_lines_of_their_own(verb: str) -> None:
    page = page_of(verb)
    examples = page.partition("\n  Examples:\n")[2].partition("\n\n")[0].splitlines()
    assert examples
    assert "\b" not in page
    assert "\n\n\n" not in page
    spoken_of = "rewrite" if verb == "passes" else verb
    assert all(line.startswith(f"    rewriter {spoken_of} ") for line in examples)


@pytest.mark.parametrize("verb", VERBS)
def test_exit_codes_are_told(verb: str) -> None:
    told = page_of(verb).partition("\n  Exit codes:\n")[2]
    codes = {int(code): meaning for code, meaning in re.findall(r"^    (\d+)  (.+)$", told, re.MULTILINE)}
    assert codes == exit_codes(verb)
    assert {0, 2} <= set(codes)


def test_the_root_names_every_verb() -> None:
    page = CliRunner().invoke(cli, ["--help"]).output
    assert all(re.search(rf"^  {verb} +[A-Z].*", page, re.MULTILINE) for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_is_its_page(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = heard(capsys, verb, "--help")
    assert heard(capsys, "help", verb) == page
    assert page[0] == 0
    assert page[1].startswith(f"Usage: rewriter {verb} ")


@pytest.mark.parametrize("words", [[], ["help"], ["--help"], ["-h"]])
def test_help_alone_is_the_page_of_all_verbs(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    page = heard(capsys, "--help")
    assert heard(capsys, "help", *words) == page
    assert page[0] == 0
    assert re.search(r"^  help +Show the help page of a verb", page[1], re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["help", "tre"], "no verb fits 'tre'; nearest: tree; see 'rewriter --help'"),
        (["help", "tree", "x.onnx"], "help takes one verb; leave out 'x.onnx'; see 'rewriter --help'"),
        (["halp"], "no verb fits 'halp'; nearest: help; see 'rewriter --help'"),
    ],
)
def test_help_refuses_what_is_no_verb(
    words: list[str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert heard(capsys, *words) == (2, "", f"rewriter: {fault}\n")
