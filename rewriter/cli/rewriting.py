"""The options of the verbs that rewrite; they arrive as one argument `request`."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import Any

import click

from rewriter.batch.request import Request
from rewriter.cli import completing
from rewriter.cli.common import (
    Command,
    Finite,
    Option,
    beside_options,
    config_option,
    proof_options,
    with_options,
)
from rewriter.cli.words import OneOf
from rewriter.passes.group import Group
from rewriter.passes.presets import Functions, standard_passes
from rewriter.passes.syntax import parse_passes


def rewrite_options(*, like: bool = True, copy_data: bool = True) -> Option:
    """All that says how to rewrite.

    Args:
        like: whether `--like` is one of the options; else the command names the original itself.
        copy_data: whether `--copy-data` is; else data is always copied.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_request(*arguments: Any, **named: Any) -> None:
            chosen = {name: named.pop(name) for name in _ARGUMENTS if name in named}
            if like and chosen["force"] and chosen["like"] is None:
                raise click.UsageError("--force is about an original that does not fit; add --like")
            command(*arguments, request=_request(**chosen), **named)

        before = (
            *_function_options(),
            *(beside_options() if like else beside_options()[1:]),
            config_option(),
        )
        after = (*((_COPY_DATA,) if copy_data else ()), *_demands())
        return with_options(proof_options(with_options(with_request, *after)), *before)

    return decorate


_ARGUMENTS = (
    *("restore_names", "layer_annotations", "functions", "depth", "only", "class_name", "repeated"),
    *("passes", "sidecar", "like", "reference", "checkpoint", "trace", "force", "config"),
    *("numbers", "optimised", "inputs", "timeout", "copy_data", "min_coverage", "strict", "dry_run"),
)

_COPY_DATA: Option = click.option(
    "--copy-data", is_flag=True, help="Copy external data where OUTPUT goes to another folder."
)


def _function_options() -> tuple[Option, ...]:
    return (
        click.option(
            "--restore-names", is_flag=True, help="Also name nodes and weights that lost their names."
        ),
        click.option(
            "--layer-annotations",
            is_flag=True,
            help="Also write the module of every node where onnxruntime's annotated partitioning reads it.",
        ),
        click.option(
            "--functions",
            type=OneOf([each.value for each in Functions]),
            default="none",
            help="Make modules local functions, nested as they are: one for every distinct body (shared) or "
            "one for every call; 'flatten' undoes it.",
        ),
        click.option("--depth", type=click.IntRange(min=1), help="Nest functions this deep at the most."),
        click.option(
            "--only",
            metavar="GLOB",
            multiple=True,
            shell_complete=completing.modules,
            help="Functions for the modules whose path fits; may be given again.",
        ),
        click.option(
            "--class",
            "class_name",
            metavar="NAME",
            multiple=True,
            help="Functions for modules of this class, or of this glob; may be given again.",
        ),
        click.option("--repeated", is_flag=True, help="Functions only for bodies that occur more than once."),
        click.option(
            "-p",
            "--passes",
            "passes",
            metavar="PASSES",
            shell_complete=completing.passes,
            help="Run these instead: 'annotate,unshare,group{depth=2},share'; 'rewriter passes' lists them.",
        ),
        click.option("--sidecar/--no-sidecar", default=True, help="Write OUTPUT.modules.json too (default)."),
    )


def _demands() -> tuple[Option, ...]:
    return (
        click.option(
            "--min-coverage",
            type=Finite(0, 100),
            default=0.0,
            metavar="SHARE",
            help="Fail where fewer nodes are placed: a share (0.95) or a percentage (95).",
        ),
        click.option("--strict", is_flag=True, help="Fail where anything was refused."),
        click.option("--dry-run", is_flag=True, help="Do everything but write."),
    )


def _request(
    *,
    restore_names: bool,
    layer_annotations: bool,
    functions: str,
    depth: int | None,
    only: tuple[str, ...],
    class_name: tuple[str, ...],
    repeated: bool,
    passes: str | None,
    inputs: Path | None,
    checkpoint: Path | None,
    min_coverage: float,
    like: Path | None = None,
    copy_data: bool = True,
    **plain: Any,
) -> Request:
    chosen = Group(depth or 0, only, class_name, repeated)
    if functions == Functions.NONE and chosen != Group():
        raise click.UsageError(
            "--depth, --only, --class and --repeated choose functions; add --functions shared or call"
        )
    if passes is not None and (functions != Functions.NONE or restore_names or layer_annotations):
        raise click.UsageError(
            "--passes names all that is done; leave out --functions, --restore-names and --layer-annotations"
        )
    steps = standard_passes(
        Functions(functions), chosen, restore_names=restore_names, layer_annotations=layer_annotations
    )
    return Request(
        passes=steps if passes is None else parse_passes(passes),
        inputs=str(inputs) if inputs else None,
        checkpoint=str(checkpoint) if checkpoint else None,
        like=str(like) if like else None,
        copy_data=copy_data,
        min_coverage=min_coverage / 100 if min_coverage > 1 else min_coverage,
        **plain,
    )
