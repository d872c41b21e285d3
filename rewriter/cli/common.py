"""What the verbs share: streams, JSON, and arrays from a file."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rewriter.evidence.given import NOTHING
from rewriter.runtime.limits import limits, parse_size

if TYPE_CHECKING:
    from rich.console import Console

    from rewriter.views.report import Report

Command = Callable[..., None]
Option = Callable[[Command], Command]

MODEL = click.Path(readable=False, path_type=Path)
"""A model file. Whether it can be read is for the loader to say, in one voice for all faults."""


class Finite(click.FloatRange):
    """A number within bounds; `nan`, which passes every comparison, and `inf` are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or a usage error."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{number} is no finite number.", param, ctx)
        return number


def with_options(command: Command, *options: Option) -> Command:
    """The command with options, in the order in which its help page shall list them."""
    for option in reversed(options):
        command = option(command)
    return command


def inputs_option(what: str = "them") -> Option:
    """`--inputs`, the same for every verb that runs models.

    Args:
        what: what is run, as the help says it.
    """
    return click.option(
        "--inputs", type=MODEL, metavar="X.npz", help=f"Run {what} on these arrays instead of drawn ones."
    )


def timeout_option(what: str, *names: str, default: float = 600.0) -> Option:
    """`--timeout`, the same for every verb that starts a process.

    Args:
        what: what the seconds are for, as the help says it.
        names: of the argument, where it is not `timeout`.
        default: seconds.
    """
    return click.option(
        "--timeout",
        *names,
        type=Finite(min=0, min_open=True),
        default=default,
        show_default=True,
        help=f"Seconds for {what}.",
    )


def limit_options(*, threads: bool = True, shapes: bool = False) -> Option:
    """The options that limit child processes; they hold while the command runs and do not reach it.

    Args:
        threads: whether `--threads` is one of them.
        shapes: whether the only child is shape inference, and `--timeout` its time.
    """
    options: list[Option] = [
        click.option(
            "--memory",
            metavar="SIZE",
            callback=lambda ctx, parameter, text: parse_size(text),
            default="4GiB",
            show_default=True,
            help="What a process that runs models may take, weights mapped from files aside (Linux).",
        )
    ]
    if threads:
        options.append(
            click.option(
                "--threads",
                type=click.IntRange(min=1),
                default=1,
                show_default=True,
                help="Threads of one operator.",
            )
        )
    if shapes:
        options.append(timeout_option("shape inference", "shapes", default=120.0))

    def decorate(command: Command) -> Command:
        @wraps(command)
        def limited(*arguments: Any, **named: Any) -> None:
            names = ("memory", *(["threads"] if threads else []), *(["shapes"] if shapes else []))
            with limits(**{name: named.pop(name) for name in names}):
                command(*arguments, **named)

        return with_options(limited, *options)

    return decorate


def proof_options(command: Command) -> Command:
    """The options of every verb that proves: whether and how onnxruntime runs both models."""
    return with_options(
        limit_options()(command),
        click.option(
            "--numbers/--no-numbers",
            default=None,
            help="Demand that onnxruntime runs both models, or rely on the certificate alone. By default it "
            "runs them where it can and what it executes has changed.",
        ),
        click.option(
            "--optimised",
            is_flag=True,
            help="Run them again with all of onnxruntime's optimisations, within 1e-3 of the largest value.",
        ),
        inputs_option(),
        timeout_option("the numbers, and again for the optimised ones"),
    )


def given_options(command: Command) -> Command:
    """The options that tell what is known of a model besides; they arrive as one argument `given`."""

    @wraps(command)
    def with_given(
        *arguments: Any,
        like: Path | None,
        reference: str | None,
        checkpoint: Path | None,
        trace: str | None,
        force: bool,
        **named: Any,
    ) -> None:
        told = (like, reference, checkpoint, trace)
        if force or any(each is not None for each in told):
            from rewriter.beside import given_beside

            command(*arguments, given=given_beside(*told, force=force, output=named.get("output")), **named)
        else:
            command(*arguments, given=NOTHING, **named)

    return with_options(with_given, *beside_options())


def beside_options() -> tuple[Option, ...]:
    """`--like`, `--reference`, `--checkpoint`, `--trace` and `--force`."""
    return (
        click.option(
            "--like",
            type=MODEL,
            metavar="FILE",
            help="The model that MODEL was optimised, quantised or converted from, or its .modules.json: "
            "carry its tree over.",
        ),
        click.option(
            "--reference",
            metavar="X",
            help="Take classes and modules from: package.module:Class, file.py:factory, a transformers "
            "config.json or its folder, or a sidecar.",
        ),
        click.option(
            "--checkpoint", type=MODEL, metavar="FILE", help="Name weights by content: .safetensors, .bin."
        ),
        click.option(
            "--trace",
            metavar="X",
            help="Place nodes by the values they compute: package.module:factory or file.py:factory, which "
            "returns the torch module with its weights, or (module, sample inputs).",
        ),
        click.option(
            "--force",
            is_flag=True,
            help="Carry the tree of the original over even if it shares too little with MODEL.",
        ),
    )


def config_option() -> Option:
    """`--config`, for the verbs that write the tree into a file, or show what they would write."""
    return click.option(
        "--config/--no-config",
        default=True,
        help="Take a transformers config.json that lies with the model for its reference, where transformers "
        "is installed (default).",
    )


def show_report(report: Report, *, as_json: bool) -> None:
    """Print what a rewrite did."""
    if as_json:
        from rewriter.views.json import rewrite_json

        emit_json(rewrite_json(report))
    else:
        from rewriter.views.text.report import print_report

        print_report(report, stdout())


def emit_json(document: object) -> None:
    """Print a document on stdout, valid JSON whatever it holds."""
    click.echo(json.dumps(document, allow_nan=False, indent=2))


def stdout() -> Console:
    """The console for results; colours and width follow the terminal."""
    from rich.console import Console

    return Console(highlight=False)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Tell on stderr which station is at work, where someone is looking."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda station: None
        return
    with console.status("load") as status:
        yield status.update
