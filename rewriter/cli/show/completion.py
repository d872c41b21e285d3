"""`rewriter completion SHELL`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from rewriter.options.show import CompletionOptions

VARIABLE = "_REWRITER_COMPLETE"
"""The environment variable by which a shell asks for completions; click reads it."""


def run(options: CompletionOptions) -> None:
    """Print the completion script of a shell."""
    root = click.get_current_context().find_root().command
    completion_class = get_completion_class(options.shell)
    assert completion_class is not None
    click.echo(completion_class(root, {}, "rewriter", VARIABLE).source())
