"""`rewriter tree M`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.beside import with_config
from rewriter.cli import completing
from rewriter.cli.common import MODEL, config_option, emit_json, given_options, stdout
from rewriter.evidence.given import Given
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.modules.selection import Selection
from rewriter.refusals import UsageError


@click.command("tree")
@click.argument("model", type=MODEL)
@click.option("--depth", type=click.IntRange(min=0), help="Show modules down to this depth.")
@click.option(
    "--only",
    metavar="GLOB",
    multiple=True,
    shell_complete=completing.modules,
    help="Show the modules that fit, such as 'encoder.layer.*.attention'; may be given again.",
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
    only: tuple[str, ...],
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
    if compare_sources and (only or depth is not None):
        raise UsageError("--compare-sources counts all nodes; leave out --only and --depth")
    analysis = pipeline.load(model, with_config(given, model) if config else given)
    modules = _chosen(analysis, only, depth)
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

        emit_json(tree_json(analysis, modules))
    else:
        from rewriter.views.text.tree import print_tree

        shown = frozenset(module.path for module in modules) if only and modules else None
        print_tree(analysis, stdout(), depth=depth, only=shown)


def _chosen(analysis: Analysis, only: tuple[str, ...], depth: int | None) -> tuple[Module, ...] | None:
    """The modules asked for; None for all.

    Raises:
        UsageError: a glob fits nothing, or nothing down to the depth.
    """
    if not only and depth is None:
        return None
    fitting = Selection(only).modules(analysis)
    chosen = tuple(module for module in fitting if depth is None or module.depth <= depth)
    if not chosen:
        first = fitting[0]
        raise UsageError(
            f"{analysis.path}: the modules that fit lie deeper than --depth {depth}, first {first.path}; "
            f"--depth {first.depth} shows it"
        )
    return chosen
