"""The options by which verbs choose modules and nodes; they arrive as one argument `selection`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from typing import Any

import click

from rewriter.cli import completing
from rewriter.cli.common import Command, Option, limit_options, with_options
from rewriter.cli.words import OneOf
from rewriter.modules.selection import KINDS, Selection
from rewriter.refusals import UsageError


def selection_options(command: Command) -> Command:
    """Globs over module paths as arguments, and the other options; put it below the argument of the model."""
    return _with_selection(
        command,
        click.argument("patterns", metavar="[PATTERNS]...", nargs=-1, shell_complete=completing.modules),
    )


def selection_flags(command: Command) -> Command:
    """The same for verbs whose arguments mean something else: globs come by `--only`."""
    return _with_selection(
        command,
        click.option(
            "--only",
            "patterns",
            metavar="GLOB",
            multiple=True,
            shell_complete=completing.modules,
            help="Modules whose path fits, such as 'encoder.layer.[0-3].attention*'; may be given again.",
        ),
    )


def _with_selection(command: Command, patterns: Option) -> Command:
    options = (
        patterns,
        click.option(
            "--class",
            "class_name",
            metavar="NAME",
            multiple=True,
            help="Modules of this class, or of this glob; may be given again.",
        ),
        click.option(
            "--kind",
            type=OneOf(KINDS),
            multiple=True,
            help="Modules whose class comes from there, or is unknown; may be given again.",
        ),
        click.option(
            "--op",
            "operators",
            metavar="TYPE",
            multiple=True,
            help="Nodes of this operator, or of this glob; may be given again.",
        ),
        click.option("--depth", type=click.IntRange(min=1), help="Modules down to this depth."),
    )

    @wraps(command)
    def with_selection(
        *arguments: Any,
        patterns: tuple[str, ...],
        class_name: tuple[str, ...],
        kind: tuple[str, ...],
        operators: tuple[str, ...],
        depth: int | None,
        **named: Any,
    ) -> None:
        selection = Selection(patterns, class_name, kind, operators, depth or 0)
        command(*arguments, selection=selection, **named)

    return with_options(with_selection, *options)


def sizes_option(command: Command) -> Command:
    """Sizes for symbolic dimensions, as `dims` for `read_sizes`, and the limits of shape inference."""
    return dims_option(limit_options(threads=False, shapes=True)(command))


def dims_option(command: Command) -> Command:
    """`--dim` alone, for verbs that limit child processes by themselves."""
    return click.option(
        "--dim",
        "dims",
        metavar="NAME=SIZE",
        multiple=True,
        help="The size of a symbolic dimension, so that shapes and FLOPs are known; may be given again.",
    )(command)


def read_sizes(dims: Sequence[str]) -> dict[str, int]:
    """`("batch=1",)` -> `{"batch": 1}`.

    Raises:
        UsageError: a word is no name with a size, or a name is given twice.
    """
    sizes = {}
    for word in dims:
        name, equals, size = word.rpartition("=")
        if not equals or not name or not (size.isascii() and size.isdecimal() and len(size) < 10):
            raise UsageError(f"cannot read --dim {word!r}; write a name and a size: --dim batch=1")
        if name in sizes:
            raise UsageError(f"--dim {name} is given twice; give it once")
        sizes[name] = int(size)
    return sizes
