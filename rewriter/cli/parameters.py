"""The command line of a verb, made from the dataclass of its options."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from rewriter import interrupts
from rewriter.cli import completing
from rewriter.cli.manual import paged
from rewriter.cli.words import OneOf
from rewriter.declaration import Declared, built, declared, shared
from rewriter.runtime.limits import limits

FILE = click.Path(readable=False, path_type=Path)
"""A file. Whether it can be read is for the loader to say, in one voice for all faults."""


class Finite(click.FloatRange):
    """A number within bounds; `nan`, which passes every comparison, and `inf` are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or a usage error."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{number} is no finite number.", param, ctx)
        return number


def command_of(verb: str, options: type) -> click.Command:
    """The command of a verb; its module is loaded when it runs, so that its help is instant."""

    def call(**values: Any) -> None:
        given = {name: value for name, value in values.items() if value is not None and value != ()}
        chosen: Any = built(options, given)
        # Interrupted while protobuf or numpy load, Python has been seen to crash; it takes a moment only.
        with interrupts.held():
            run = import_module(f"rewriter.cli.{verb}").run
        bounds = getattr(chosen, "limits", None)
        with nullcontext() if bounds is None else limits(**shared(bounds)):
            click.get_current_context().exit(run(chosen) or 0)

    parameters: list[click.Parameter] = [
        _argument(each) if each.told.positional else _option(each) for each in declared(options)
    ]
    return paged(verb, click.Command(verb, callback=call, params=parameters, help=options.__doc__))


def _argument(declared: Declared) -> click.Argument:
    return click.Argument(
        [declared.name],
        type=_type_of(declared),
        metavar=declared.told.metavar,
        nargs=-1 if declared.several else 1,
        required=declared.told.required,
        shell_complete=_completed(declared),
    )


def _option(declared: Declared) -> click.Option:
    """One option; what is not given is left to the dataclass, so that a default stands there alone."""
    told = declared.told
    flag = f"{declared.flag}/{declared.switch}" if declared.switch else declared.flag
    return click.Option(
        [flag, declared.name, *([told.short] if told.short else [])],
        type=None if declared.kind is bool else _type_of(declared),
        is_flag=declared.kind is bool,
        default=(told.said(declared.default) if told.read else declared.default) if told.shown else None,
        multiple=declared.several,
        metavar=told.metavar,
        required=told.required,
        show_default=told.shown,
        help=told.help,
        shell_complete=_completed(declared),
    )


def _type_of(declared: Declared) -> click.ParamType[Any]:
    told = declared.told
    if told.read is not None:
        return click.types.FuncParamType(told.read)
    if told.choices:
        return OneOf(told.choices)
    least = told.least if told.above is None else told.above
    if declared.kind is int:
        return click.IntRange(None if least is None else int(least))
    if declared.kind is float:
        return Finite(least, told.most, min_open=told.above is not None)
    return FILE if declared.kind is Path else click.STRING


def _completed(declared: Declared) -> Callable[..., Any] | None:
    return getattr(completing, declared.told.completes) if declared.told.completes else None
