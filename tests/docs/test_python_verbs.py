"""Every verb of the command line stands in one table of the docs with its name in Python."""

from __future__ import annotations

import re
from functools import reduce

import click

import rewriter
from rewriter.cli import cli
from tests.docs.running import DOCS

_ROW = re.compile(
    r"^\| `rewriter (?P<verb>\w+)(?P<options>[^`]*)` \| (?P<python>.*) \|(?P<gives>[^|]*)\|$", re.M
)
FOR_SHELLS = {"completion"}


def rows() -> list[re.Match[str]]:
    return list(_ROW.finditer((DOCS / "python.md").read_text("utf-8")))


def test_the_table_has_every_verb() -> None:
    root = click.Context(cli)
    assert {row["verb"] for row in rows()} == set(cli.list_commands(root))


def test_what_stands_there_exists() -> None:
    for row in rows():
        if row["verb"] in FOR_SHELLS:
            continue
        methods = re.findall(r"`model\.(\w+)", row["python"])
        functions = re.findall(r"`rewriter\.([\w.]+)", row["python"])
        assert methods or functions, row[0]
        assert all(hasattr(rewriter.Model, name) for name in methods), row[0]
        for name in functions:
            assert callable(reduce(getattr, name.split("."), rewriter)), row[0]
        (gives,) = re.findall(r"`(\w+)`", row["gives"])
        assert hasattr(rewriter, gives) or hasattr(rewriter.batch, gives), row[0]


def test_options_that_have_a_row_exist() -> None:
    root = click.Context(cli)
    for row in rows():
        command = cli.get_command(root, row["verb"])
        assert command is not None
        names = {name for each in command.params for name in each.opts}
        assert set(re.findall(r"--[\w-]+", row["options"])) <= names
