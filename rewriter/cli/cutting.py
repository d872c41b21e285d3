"""What the verbs that cut models share."""

from __future__ import annotations

import click

from rewriter.cli.common import Command, inputs_option, limit_options, timeout_option, with_options


def checking_options(command: Command) -> Command:
    """The options of how pieces are checked."""
    return with_options(
        limit_options()(command),
        click.option(
            "--numbers/--no-numbers",
            default=None,
            help="Demand that the whole and what was cut from it run, or do not run them.",
        ),
        inputs_option("the whole"),
        timeout_option("the numbers"),
    )
