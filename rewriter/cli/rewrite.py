"""`rewriter rewrite M -o O`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.cli.common import MODEL, Finite, progress, proof_options, read_inputs, show_report
from rewriter.passes.group import Group


@click.command("rewrite")
@click.argument("model", type=MODEL)
@click.option("-o", "--output", type=MODEL, help="The file to write; needed unless --dry-run.")
@click.option("--restore-names", is_flag=True, help="Also name nodes and weights that lost their names.")
@click.option(
    "--functions",
    type=click.Choice(["none", "call"]),
    default="none",
    help="Make every call of a module a local function, nested as the modules are; 'flatten' undoes it.",
)
@click.option("--depth", type=click.IntRange(min=1), help="Nest functions this deep at the most.")
@click.option("--only", metavar="GLOB", default="", help="Functions for the modules whose path fits.")
@click.option(
    "--class", "class_name", metavar="NAME", default="", help="Functions for modules of this class."
)
@click.option("--sidecar/--no-sidecar", default=True, help="Write OUTPUT.modules.json too (default).")
@proof_options
@click.option("--copy-data", is_flag=True, help="Copy external data where OUTPUT goes to another folder.")
@click.option(
    "--min-coverage",
    type=Finite(0, 100),
    default=0.0,
    metavar="SHARE",
    help="Fail where fewer nodes are placed: a share (0.95) or a percentage (95).",
)
@click.option("--strict", is_flag=True, help="Fail where anything was refused.")
@click.option("--dry-run", is_flag=True, help="Do everything but write.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    model: Path,
    output: Path | None,
    restore_names: bool,
    functions: str,
    depth: int | None,
    only: str,
    class_name: str,
    sidecar: bool,
    numbers: bool,
    inputs: Path | None,
    timeout: float,
    copy_data: bool,
    min_coverage: float,
    strict: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write the module tree of MODEL into a copy of it, and prove that nothing else changed.

    \b
      rewriter rewrite bert.onnx -o bert.tree.onnx
      rewriter rewrite bert.onnx -o bert.tree.onnx --restore-names --min-coverage 95
      rewriter rewrite bert.onnx -o bert.calls.onnx --functions call --class BertLayer
      rewriter rewrite bert.onnx --dry-run --json
    """
    if output is None and not dry_run:
        raise click.UsageError("missing option '-o' / '--output': name the file to write, or add --dry-run")
    if functions == "none" and (depth or only or class_name):
        raise click.UsageError("--depth, --only and --class choose functions; add --functions call")
    group = Group(depth or 0, only, class_name) if functions == "call" else None
    options = pipeline.Options(
        passes=pipeline.standard_passes(restore_names=restore_names, group=group),
        numbers=numbers,
        inputs=read_inputs(inputs),
        sidecar=sidecar,
        copy_data=copy_data,
        min_coverage=min_coverage / 100 if min_coverage > 1 else min_coverage,
        strict=strict,
        dry_run=dry_run,
        timeout=timeout,
    )
    with progress() as tell:
        report = pipeline.rewrite(model, output, options, tell)
    show_report(report, as_json=as_json)
