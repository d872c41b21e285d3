"""`rewriter profile M`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.beside import read_inputs
from rewriter.cli.common import (
    MODEL,
    emit_json,
    given_options,
    inputs_option,
    limit_options,
    progress,
    stdout,
    timeout_option,
)
from rewriter.cli.selecting import selection_options
from rewriter.cli.words import refuse_with
from rewriter.evidence.given import Given
from rewriter.modules.selection import Selection
from rewriter.views.json_profile import profile_json
from rewriter.views.text.profile import print_profile


@click.command("profile")
@click.argument("model", type=MODEL)
@selection_options
@inputs_option("it")
@click.option(
    "--rounds", type=click.IntRange(min=1), default=20, show_default=True, help="Runs that are measured."
)
@click.option("--warmup", type=click.IntRange(min=0), default=3, show_default=True, help="Runs before them.")
@click.option(
    "--threads",
    type=click.IntRange(min=0),
    default=0,
    help="Threads of one operator; as many as onnxruntime chooses by default.",
)
@click.option(
    "--from",
    "recorded",
    type=MODEL,
    metavar="PROFILE.json",
    help="Tell the modules of a profile that onnxruntime took of MODEL, instead of running it.",
)
@timeout_option("all")
@limit_options(threads=False)
@given_options
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead.")
def command(
    model: Path,
    selection: Selection,
    inputs: Path | None,
    rounds: int,
    warmup: int,
    threads: int,
    recorded: Path | None,
    timeout: float,
    given: Given,
    as_json: bool,
) -> None:
    """Show where the time of MODEL goes, by module and by class, as onnxruntime runs it by default.

    A kernel that onnxruntime fused of several modules is shared equally among them. The first runs are left
    out; medians of the others are shown.

    \b
      rewriter profile bert.onnx --depth 3
      rewriter profile bert.onnx --inputs batch.npz --rounds 100 --json
      rewriter profile bert.onnx --from onnxruntime_profile.json
    """
    if recorded is not None:
        refuse_with("--from tells of runs that were", "inputs", "rounds", "warmup", "threads")
    with progress() as tell:
        found = pipeline.profile(
            model,
            recorded=recorded,
            inputs=read_inputs(inputs),
            rounds=rounds,
            warmup=warmup,
            threads=threads,
            timeout=timeout,
            given=given,
            selection=selection,
            progress=tell,
        )
    chosen = None
    if selection != Selection():
        chosen = frozenset(module.path for module in selection.modules(found.analysis))
    if as_json:
        emit_json(profile_json(found, chosen))
    else:
        print_profile(found, stdout(), chosen)
