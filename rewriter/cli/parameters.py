"""Builds the command line of a verb from the dataclass of its options."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from rewriter.basics import interrupts
from rewriter.basics.option_declaration import Option, options_of, values
from rewriter.cli import completions
from rewriter.cli.command_words import OneOf
from rewriter.cli.help_pages import paged
from rewriter.options.verbs import VERBS
from rewriter.runtime.child_limits import ChildLimits, MemoryLimit, limits

FILE = click.Path(readable=False, path_type=Path)
"""A file. The loader checks that it is readable, so all faults of files are reported alike."""


class Finite(click.types.FloatParamType):
    """A finite number; `nan` is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number.

        Raises:
            click.BadParameter: it is not a finite number.
        """
        return _finite(self, super().convert(value, param, ctx), param, ctx)


class Bounded(click.FloatRange):
    """A finite number within bounds; `nan` would pass click's check of the bounds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number.

        Raises:
            click.BadParameter: it is not a finite number within the bounds.
        """
        return _finite(self, super().convert(value, param, ctx), param, ctx)


def _finite(
    kind: Finite | Bounded, number: float, param: click.Parameter | None, ctx: click.Context | None
) -> float:
    if not math.isfinite(number):
        kind.fail(f"{number} is not a finite number.", param, ctx)
    return float(number)


def command_of(verb: str, options: type) -> click.Command:
    """Return the command of a verb; the verb is imported when it runs, so that its help is instant."""

    def call(**typed: Any) -> None:
        chosen = options(**{name: value for name, value in typed.items() if value not in (None, ())})
        # Ctrl-C while protobuf or numpy is imported can crash Python; the import is short.
        with interrupts.held():
            run = import_module(f"rewriter.cli.{VERBS[verb][0]}.{verb}").run
        group = next((each for each in (ChildLimits, MemoryLimit) if isinstance(chosen, each)), None)
        with limits(**values(group, chosen)) if group else nullcontext():
            click.get_current_context().exit(run(chosen) or 0)

    parameters: list[click.Parameter] = [
        _argument(each) if each.positional else _option(each) for each in options_of(options)
    ]
    return paged(verb, click.Command(verb, callback=call, params=parameters, help=options.__doc__))


def _argument(option: Option) -> click.Argument:
    return click.Argument(
        [option.name],
        type=_type_of(option),
        metavar=option.metavar,
        nargs=-1 if option.several else 1,
        required=option.required,
        shell_complete=_completed(option),
    )


def _option(option: Option) -> click.Option:
    """Return the click option. Only the dataclass has the default; click has it just for the help page."""
    default = (option.said(option.default) if option.read else option.default) if option.shown else None
    # Since click 8.3, a default of None counts as a value, so a required option must have none.
    told: dict[str, Any] = {} if option.required else {"default": default}
    flag = f"{option.flag}/{option.switch}" if option.switch else option.flag
    return click.Option(
        [flag, option.name, *([option.short] if option.short else [])],
        type=None if option.kind is bool else _type_of(option),
        is_flag=option.kind is bool,
        multiple=option.several,
        metavar=option.metavar,
        required=option.required,
        show_default=option.shown,
        help=option.help,
        shell_complete=_completed(option),
        **told,
    )


def _type_of(option: Option) -> click.ParamType[Any]:
    if option.read is not None:
        return click.types.FuncParamType(option.read)
    if option.choices:
        return OneOf(option.choices)
    least = option.least if option.above is None else option.above
    if option.kind is int:
        return click.IntRange(None if least is None else int(least))
    if option.kind is float and least is None and option.most is None:
        return Finite()
    if option.kind is float:
        return Bounded(least, option.most, min_open=option.above is not None)
    return FILE if option.kind is Path else click.STRING


def _completed(option: Option) -> Callable[..., Any] | None:
    return getattr(completions, option.completes) if option.completes else None
