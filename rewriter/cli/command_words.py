"""Checks the words of a command line: unknown values, verbs and options, and options given twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import click
from click.core import ParameterSource

from rewriter.basics.nearest import fits_nothing, nearest


class OneOf(click.Choice[str]):
    """A choice of a few words, whose error names the nearest word and all choices."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return the message for a word that is not a choice."""
        near = nearest(str(value), self.choices)
        listed = f"there are {', '.join(self.choices)}"
        return f"no value fits {value!r}; {f'nearest: {near[0]}; ' if near else ''}{listed}"


def demand_verb(word: str, verbs: Iterable[str], ctx: click.Context) -> None:
    """Refuse an unknown verb.

    Raises:
        click.UsageError: the verb is unknown; the message names the nearest one.
    """
    known = tuple(verbs)
    if word not in known:
        raise click.UsageError(fits_nothing("verb", word, known), ctx)


def verb_of_help(words: Sequence[str], verbs: Iterable[str], ctx: click.Context) -> str | None:
    """Return the verb in the words after `help`; None if they name no verb, as in `help` or `help --help`.

    Raises:
        click.UsageError: the verb is unknown, or more words follow it.
    """
    if not words or words[0] in (*ctx.help_option_names, "help"):
        return None
    demand_verb(words[0], verbs, ctx)
    if len(words) > 1:
        raise click.UsageError(f"help takes one verb; leave out {' '.join(words[1:])!r}", ctx)
    return words[0]


def one_line(error: click.ClickException) -> str:
    """Return a usage error as one line that ends with the help command."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "rewriter"
    said = error.format_message()
    if isinstance(error, click.NoSuchOption) and context:
        said = _unknown_option(error.option_name, context.command)
    return f"{' '.join(said.split()).rstrip('.')}; see '{command} --help'"


def _unknown_option(word: str, command: click.Command) -> str:
    """Return the message for an option that a verb does not have."""
    names = [name for each in command.params for name in (*each.opts, *each.secondary_opts)]
    return fits_nothing("option", word, [name for name in names if name.startswith("--")])


def demand_once(command: click.Command, ctx: click.Context, words: Sequence[str]) -> None:
    """Refuse a single-valued option given twice, and contrary flags: click would drop the first silently.

    Args:
        command: the verb.
        ctx: its context.
        words: the words after the verb.

    Raises:
        click.UsageError: an option is given twice, or a flag both as `--x` and as `--no-x`.
    """
    try:
        _, _, order = command.make_parser(ctx).parse_args(list(words))
    except click.ClickException:  # the verb reports this error when it parses its arguments
        return
    times = Counter(parameter.name for parameter in order)
    for option in command.params:
        if isinstance(option, click.Option) and times[option.name] > 1:
            _demand_one(option, ctx, words)


def _demand_one(option: click.Option, ctx: click.Context, words: Sequence[str]) -> None:
    if option.is_flag:
        both = [way for ways in (option.opts, option.secondary_opts) for way in ways if way in words]
        if len(both) > 1:
            raise click.UsageError(f"{' and '.join(both)} cannot be combined", ctx)
    elif not option.multiple:
        name = max(option.opts, key=len)
        raise click.UsageError(f"{name} is given twice; give it once", ctx)


def refuse_with(what: str, *names: str) -> None:
    """Refuse options that have no effect because of another option of the running verb.

    Args:
        what: the start of the message: the other option and the reason, such as `--no-numbers runs nothing`.
        names: the parameter names of the refused options.

    Raises:
        click.UsageError: a refused option was typed on the command line.
    """
    ctx = click.get_current_context()
    for option in ctx.command.params:
        typed = ctx.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if option.name in names and typed:
            name = option.name.upper() if isinstance(option, click.Argument) else max(option.opts, key=len)
            raise click.UsageError(f"{what}; leave out {name}", ctx)
