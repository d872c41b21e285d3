"""`rewriter report M [B] -o FILE`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter.beside import read_inputs
from rewriter.cli.common import (
    MODEL,
    given_options,
    inputs_option,
    limit_options,
    progress,
    stdout,
    timeout_option,
)
from rewriter.cli.selecting import dims_option, read_sizes
from rewriter.cli.words import OneOf, refuse_with
from rewriter.evidence.given import Given
from rewriter.model.outputs import plan_copies, write_atomically
from rewriter.reporting import MEASURES, Wanted, report
from rewriter.views.text.parts import flow
from rewriter.views.text.report import written_phrase


@click.command("report")
@click.argument("model", type=MODEL)
@click.argument("other", type=MODEL, required=False)
@click.option("-o", "--output", type=MODEL, help="The file to write; stdout where left out.")
@click.option("--svg", is_flag=True, help="Draw the icicle alone, as SVG.")
@click.option(
    "--by",
    type=OneOf(MEASURES),
    help="What sizes are at first; parameters where there are any.",
)
@click.option(
    "--verify",
    "original",
    type=MODEL,
    metavar="ORIGINAL",
    help="Compare MODEL with what it was made of.",
)
@click.option("--profile", "profiled", is_flag=True, help="Run MODEL and show where the time goes.")
@click.option(
    "--profile-from",
    "recorded",
    type=MODEL,
    metavar="FILE",
    help="Show the time of a profile that onnxruntime took of MODEL.",
)
@click.option(
    "--numbers/--no-numbers",
    default=True,
    help="Run models that are compared, or not.",
)
@inputs_option()
@timeout_option("the numbers, and again for the profile")
@dims_option
@limit_options()
@given_options
def command(
    model: Path,
    other: Path | None,
    output: Path | None,
    svg: bool,
    by: str | None,
    original: Path | None,
    profiled: bool,
    recorded: Path | None,
    numbers: bool,
    inputs: Path | None,
    timeout: float,
    dims: tuple[str, ...],
    given: Given,
) -> None:
    """Write one page that shows MODEL: its tree, figures, evidence, and how OTHER differs.

    The page is one file of HTML: it fetches nothing, and needs no server.

    \b
      rewriter report bert.onnx -o report.html
      rewriter report bert.tree.onnx --verify bert.onnx --profile -o report.html
      rewriter report bert.onnx bert.int8.onnx -o report.html
      rewriter report bert.onnx --svg --by nodes -o bert.svg
    """
    if svg:
        refuse_with("--svg draws the icicle alone", "other", "original")
    wanted = Wanted(
        other=other,
        original=original,
        profile=profiled,
        recorded=recorded,
        numbers=numbers,
        inputs=read_inputs(inputs),
        timeout=timeout,
        sizes=read_sizes(dims),
        by=by or "",
    )
    for read in (model, other, original, recorded):
        if output is not None and read is not None:
            plan_copies(read, [output], (), copy_data=False)
    with progress() as tell:
        made = report(model, wanted, given, tell)
    text = made.svg + "\n" if svg else made.html
    if output is None:
        click.echo(text, nl=False)
    else:
        write_atomically({output: text.encode()})
        flow(stdout(), [written_phrase(output)], label="written")
