"""`rewriter completion SHELL`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from rewriter.cli.words import OneOf

VARIABLE = "_REWRITER_COMPLETE"
"""The environment variable by which a shell asks for completions; click reads it."""


@click.command("completion")
@click.argument("shell", type=OneOf(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the script by which SHELL completes verbs, options, passes, and modules of a model.

    bash: put the first command below into ~/.bashrc. zsh: the same with zsh into ~/.zshrc, behind compinit.
    fish: write it to ~/.config/fish/completions/rewriter.fish.

    \b
      rewriter completion bash > ~/.rewriter-completion.bash && . ~/.rewriter-completion.bash
      rewriter completion zsh > ~/.rewriter-completion.zsh
      rewriter completion fish > ~/.config/fish/completions/rewriter.fish
    """
    root = click.get_current_context().find_root().command
    completion_class = get_completion_class(shell)
    assert completion_class is not None
    click.echo(completion_class(root, {}, "rewriter", VARIABLE).source())
