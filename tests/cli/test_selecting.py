"""The options that choose modules, in both forms."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from rewriter.cli.selecting import selection_flags, selection_options
from rewriter.modules.selection import Selection

OPTIONS = ["--class", "Linear", "--kind", "torch.nn", "--op", "MatMul", "--op", "Add", "--depth", "3"]


@pytest.mark.parametrize(
    ("decorate", "words"),
    [(selection_options, ["m", "a.*", "b"]), (selection_flags, ["m", "--only", "a.*", "--only", "b"])],
)
def test_options_become_a_selection(decorate: object, words: list[str]) -> None:
    found = []

    def verb(model: str, selection: Selection) -> None:
        found.append((model, selection))

    assert callable(decorate)
    command = click.command()(click.argument("model")(decorate(verb)))
    for options in ([], OPTIONS):
        assert CliRunner().invoke(command, [*words, *options]).exit_code == 0
    assert found == [
        ("m", Selection(("a.*", "b"))),
        ("m", Selection(("a.*", "b"), "Linear", "torch.nn", ("MatMul", "Add"), 3)),
    ]
    assert CliRunner().invoke(command, ["m", "--kind", "x"]).exit_code == 2
    assert CliRunner().invoke(command, ["m", "--depth", "0"]).exit_code == 2
