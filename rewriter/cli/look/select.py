"""`rewriter select M PATTERNS`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.cli.command_words import refuse_with
from rewriter.cli.common import emit_json, given_of
from rewriter.errors import UsageError
from rewriter.insight.placement.device_settings import parse_wishes, place
from rewriter.insight.selected_names import choose, demand_names
from rewriter.modules.analysis import Analysis
from rewriter.modules.selection import Selection
from rewriter.options.look import SelectOptions
from rewriter.options.words import ORT_LAYERS, TRT, NamedKind
from rewriter.views.escape import visible
from rewriter.views.json.selection import chosen_json, placing_json
from rewriter.views.name_formats import left_out, names_as


def run(options: SelectOptions) -> None:
    """Print the names of selected modules in the chosen form."""
    form, as_json = options.form, options.as_json
    if form != TRT:
        refuse_with("--precision is for --format trt", "precision")
    if as_json and form != ORT_LAYERS:
        refuse_with("--json has its own format", "form")
    analysis = pipeline.load(options.model, given_of(options))
    if form == ORT_LAYERS:
        _print_placing(analysis, options.selection, options.what, as_json=as_json)
        return
    chosen = choose(analysis, options.selection, NamedKind(options.what))
    demand_names(analysis, chosen)
    text = names_as(chosen, form, options.precision)
    notes = left_out(chosen, form)
    if as_json:
        emit_json(chosen_json(analysis, chosen, notes))
    else:
        click.echo(text)
    _tell(options.model, (*chosen.notes, *notes))


def _print_placing(analysis: Analysis, selection: Selection, what: str, *, as_json: bool) -> None:
    if selection.operators or what != NamedKind.NODES:
        raise UsageError("--format ort-layers places modules; leave out --op and --what")
    placing = place(analysis, parse_wishes(selection.only), selection)
    if as_json:
        emit_json(placing_json(placing))
    else:
        for key, text in placing.settings.items():
            click.echo(f"{key}={text}")
    several = ("use one of the two settings: onnxruntime refuses both",) if len(placing.settings) > 1 else ()
    _tell(analysis.path, (*placing.notes, *several))


def _tell(model: Path | None, notes: tuple[str, ...]) -> None:
    """Print notes on stderr, since another tool may read the names from stdout."""
    for note in notes:
        click.echo(visible(f"rewriter: {model}: {note}"), err=True)
