"""`rewriter rewrite M -o O`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.cli import completing
from rewriter.cli.common import (
    MODEL,
    Finite,
    given_options,
    progress,
    proof_options,
    read_inputs,
    show_report,
)
from rewriter.evidence.given import Given
from rewriter.passes.group import Group
from rewriter.passes.presets import Functions, standard_passes
from rewriter.passes.syntax import parse_passes


@click.command("rewrite")
@click.argument("model", type=MODEL)
@click.option("-o", "--output", type=MODEL, help="The file to write; needed unless --dry-run.")
@click.option("--restore-names", is_flag=True, help="Also name nodes and weights that lost their names.")
@click.option(
    "--layer-annotations",
    is_flag=True,
    help="Also write the module of every node where onnxruntime's annotated partitioning reads it.",
)
@click.option(
    "--functions",
    type=click.Choice([each.value for each in Functions]),
    default="none",
    help="Make modules local functions, nested as they are: one for every distinct body (shared) or one for "
    "every call; 'flatten' undoes it.",
)
@click.option("--depth", type=click.IntRange(min=1), help="Nest functions this deep at the most.")
@click.option(
    "--only",
    metavar="GLOB",
    default="",
    shell_complete=completing.modules,
    help="Functions for the modules whose path fits.",
)
@click.option(
    "--class", "class_name", metavar="NAME", default="", help="Functions for modules of this class."
)
@click.option("--repeated", is_flag=True, help="Functions only for bodies that occur more than once.")
@click.option(
    "-p",
    "--passes",
    "passes",
    metavar="PASSES",
    shell_complete=completing.passes,
    help="Run these instead: 'annotate,unshare,group{depth=2},share'; 'rewriter passes' lists them.",
)
@click.option("--sidecar/--no-sidecar", default=True, help="Write OUTPUT.modules.json too (default).")
@given_options
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
    layer_annotations: bool,
    functions: str,
    depth: int | None,
    only: str,
    class_name: str,
    repeated: bool,
    passes: str | None,
    sidecar: bool,
    numbers: bool | None,
    optimised: bool,
    inputs: Path | None,
    timeout: float,
    copy_data: bool,
    min_coverage: float,
    strict: bool,
    dry_run: bool,
    as_json: bool,
    given: Given,
) -> None:
    """Write the module tree of MODEL into a copy of it, and prove that nothing else changed.

    \b
      rewriter rewrite bert.onnx -o bert.tree.onnx
      rewriter rewrite bert.onnx -o bert.tree.onnx --restore-names --min-coverage 95
      rewriter rewrite bert.onnx -o bert.functions.onnx --functions shared
      rewriter rewrite bert.onnx -o bert.calls.onnx --functions call --class BertLayer
      rewriter rewrite bert.onnx -o bert.layers.onnx -p 'annotate,unshare,group{depth=2},share'
      rewriter rewrite bert.fused.onnx -o bert.tree.onnx --like bert.onnx
      rewriter rewrite bert.onnx --dry-run --json
    """
    if output is None and not dry_run:
        raise click.UsageError("missing option '-o' / '--output': name the file to write, or add --dry-run")
    chosen = Group(depth or 0, only, class_name, repeated)
    if functions == Functions.NONE and chosen != Group():
        raise click.UsageError(
            "--depth, --only, --class and --repeated choose functions; add --functions shared or call"
        )
    if passes is not None and (functions != Functions.NONE or restore_names or layer_annotations):
        raise click.UsageError(
            "--passes names all that is done; leave out --functions, --restore-names and --layer-annotations"
        )
    plain = standard_passes(
        Functions(functions), chosen, restore_names=restore_names, layer_annotations=layer_annotations
    )
    options = pipeline.Options(
        passes=plain if passes is None else parse_passes(passes),
        numbers=numbers,
        optimised=optimised,
        inputs=read_inputs(inputs),
        sidecar=sidecar,
        copy_data=copy_data,
        min_coverage=min_coverage / 100 if min_coverage > 1 else min_coverage,
        strict=strict,
        dry_run=dry_run,
        timeout=timeout,
        given=given,
    )
    with progress() as tell:
        report = pipeline.rewrite(model, output, options, tell)
    show_report(report, as_json=as_json)
