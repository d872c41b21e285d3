"""What the verbs that cut models share."""

from __future__ import annotations

from collections.abc import Callable

import click

from rewriter.cli.common import MODEL, Finite, limit_options


def checking_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of how pieces are checked."""
    options = (
        click.option(
            "--numbers/--no-numbers",
            default=True,
            help="Run the whole and what was cut from it, or only check and load the latter.",
        ),
        click.option(
            "--inputs",
            type=MODEL,
            metavar="X.npz",
            help="Run the whole on these arrays instead of drawn ones.",
        ),
        click.option(
            "--timeout",
            type=Finite(min=0, min_open=True),
            default=600.0,
            show_default=True,
            help="Seconds for the numbers.",
        ),
    )
    command = limit_options()(command)
    for option in reversed(options):
        command = option(command)
    return command
