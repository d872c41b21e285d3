"""`rewriter tree M`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.beside import with_config
from rewriter.cli import completing
from rewriter.cli.common import MODEL, config_option, emit_json, given_options, stdout
from rewriter.evidence.given import Given
from rewriter.refusals import UsageError


@click.command("tree")
@click.argument("model", type=MODEL)
@click.option("--depth", type=click.IntRange(min=0), help="Show modules down to this depth.")
@click.option(
    "--only",
    metavar="GLOB",
    shell_complete=completing.modules,
    help="Show the modules that fit, such as 'encoder.layer.*.attention'.",
)
@given_options
@config_option()
@click.option(
    "--compare-sources",
    is_flag=True,
    help="Show what each witness says by itself, how far they agree, and how long each took.",
)
@click.option(
    "--truth",
    type=MODEL,
    metavar="FILE",
    help="With --compare-sources: a sidecar, or JSON of node names and modules, to be judged by.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead.")
def command(
    model: Path,
    depth: int | None,
    only: str | None,
    given: Given,
    config: bool,
    compare_sources: bool,
    truth: Path | None,
    as_json: bool,
) -> None:
    """Show the module tree of MODEL: paths, classes, nodes, parameters and shares.

    \b
      rewriter tree bert.onnx --depth 3
      rewriter tree bert.onnx --only 'encoder.layer.*.attention'
      rewriter tree bert.onnx --reference config.json --checkpoint model.safetensors
      rewriter tree bert.quantised.onnx --like bert.onnx
      rewriter tree bert.onnx --compare-sources --truth bert.modules.json
      rewriter tree bert.onnx --json | jq '.modules[] | select(.leaf)'
    """
    if truth is not None and not compare_sources:
        raise UsageError("--truth judges witnesses; add --compare-sources")
    analysis = pipeline.load(model, with_config(given, model) if config else given)
    if compare_sources:
        from rewriter.views.json import sources_json
        from rewriter.views.sources import compare_sources as compare_witnesses
        from rewriter.views.text.sources import print_sources
        from rewriter.views.truth import read_truth

        known = read_truth(truth, model.stem) if truth is not None else None
        comparison = compare_witnesses(analysis, known)
        emit_json(sources_json(comparison)) if as_json else print_sources(comparison, stdout())
    elif as_json:
        from rewriter.views.json import tree_json

        emit_json(tree_json(analysis))
    else:
        from rewriter.views.text.tree import print_tree

        print_tree(analysis, stdout(), depth=depth, only=only)
