"""`rewriter select M PATTERNS`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.cli.common import MODEL, emit_json, given_options
from rewriter.cli.selecting import selection_options
from rewriter.cli.words import OneOf, refuse_with
from rewriter.evidence.given import Given
from rewriter.insight.chosen import What, choose, demand_names
from rewriter.insight.placing import parse_wishes, place
from rewriter.modules.analysis import Analysis
from rewriter.modules.selection import Selection
from rewriter.refusals import UsageError
from rewriter.views.escape import visible
from rewriter.views.names import FORMS, LINES, left_out, names_as
from rewriter.views.selection_json import chosen_json, placing_json

ORT_LAYERS = "ort-layers"


@click.command("select")
@click.argument("model", type=MODEL)
@selection_options
@click.option(
    "--what",
    type=OneOf([each.value for each in What]),
    default=What.NODES.value,
    show_default=True,
    help="Names of what: of the nodes, of the values they write, of the weights they read.",
)
@click.option(
    "--format",
    "form",
    type=OneOf([*FORMS, ORT_LAYERS]),
    default=LINES,
    show_default=True,
    help="For people, programs, onnxruntime's quantiser, trtexec, NNCF, or onnxruntime's device placement.",
)
@click.option(
    "--precision",
    type=OneOf(["fp32", "fp16", "bf16", "int32", "int8"]),
    default="fp16",
    show_default=True,
    help="What --format trt asks for.",
)
@given_options
@click.option("--json", "as_json", is_flag=True, help="Print modules, nodes and names as JSON.")
def command(
    model: Path,
    selection: Selection,
    what: str,
    form: str,
    precision: str,
    given: Given,
    as_json: bool,
) -> None:
    """Print the names that modules of MODEL have in the file, in the form another tool takes.

    PATTERNS are globs over module paths; a module stands for all that is below it.

    \b
      rewriter select bert.onnx 'encoder.layer.[0-3].attention*' --op MatMul
      rewriter select bert.onnx pooler --format ort-quant
      rewriter select bert.onnx '**.attention' --what initializers --json
      rewriter select bert.onnx --class LayerNorm --format trt --precision fp32
      rewriter select bert.onnx 'encoder.layer.[0-5]=cpu' 'encoder.*=gpu' --format ort-layers
    """
    if form != "trt":
        refuse_with("--precision is of --format trt", "precision")
    if as_json and form != ORT_LAYERS:
        refuse_with("--json has a form of its own", "form")
    analysis = pipeline.load(model, given)
    if form == ORT_LAYERS:
        _print_placing(analysis, selection, what, as_json=as_json)
        return
    chosen = choose(analysis, selection, What(what))
    demand_names(analysis, chosen)
    text = names_as(chosen, form, precision)
    notes = left_out(chosen, form)
    if as_json:
        emit_json(chosen_json(analysis, chosen, notes))
    else:
        click.echo(text)
    _tell(model, (*chosen.notes, *notes))


def _print_placing(analysis: Analysis, selection: Selection, what: str, *, as_json: bool) -> None:
    if selection.operators or what != What.NODES:
        raise UsageError("--format ort-layers places modules; leave out --op and --what")
    placing = place(analysis, parse_wishes(selection.patterns), selection)
    if as_json:
        emit_json(placing_json(placing))
    else:
        for key, text in placing.settings.items():
            click.echo(f"{key}={text}")
    several = ("use one of the two settings: onnxruntime refuses both",) if len(placing.settings) > 1 else ()
    _tell(analysis.path, (*placing.notes, *several))


def _tell(model: Path | None, notes: tuple[str, ...]) -> None:
    """Notes for people, on stderr: stdout is for the tool that takes the names."""
    for note in notes:
        click.echo(visible(f"rewriter: {model}: {note}"), err=True)
