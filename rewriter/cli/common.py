"""Helpers of several verbs: read side inputs, print results as text or JSON, show progress."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from rewriter import pipeline
from rewriter.basics.option_declaration import values
from rewriter.evidence.side_inputs import NOTHING, Given
from rewriter.modules.analysis import Analysis
from rewriter.options.groups import Printing, Proof, SideInputs
from rewriter.options.look import ExplainOptions, TreeOptions
from rewriter.views.text.parts import uncut_without_terminal


def given_of(options: SideInputs, output: Path | None = None) -> Given:
    """Read the evidence that the options name besides the model.

    Args:
        options: the options of the verb.
        output: the file to write; it must not be one of the files read here.
    """
    told = values(SideInputs, options)
    if not any(told.values()):
        return NOTHING
    from rewriter.api.side_inputs import read_evidence

    return read_evidence(**told, output=output)


def analysed(model: Path, options: TreeOptions | ExplainOptions) -> Analysis:
    """Load a model as `rewriter rewrite` does, with a config beside it as reference unless `--no-config`."""
    from rewriter.evidence.reference.config_beside import with_config

    given = given_of(options)
    return pipeline.load(model, with_config(given, model) if options.config else given)


def proof_of(options: Proof) -> dict[str, Any]:
    """Return the options of a proof as keywords of `pipeline.Options`; reads the arrays of `--inputs`."""
    from rewriter.api.input_arrays import read_inputs

    return values(Proof, options) | {"inputs": read_inputs(options.inputs)}


def show(options: Printing, document: Callable[[], object], text: Callable[[Console], None]) -> None:
    """Print a result as JSON or as text; only the chosen form is built."""
    emit_json(document()) if options.as_json else text(stdout())


def emit_json(document: object) -> None:
    """Print a document on stdout as ASCII JSON; refuse NaN and infinities, which JSON does not have."""
    click.echo(json.dumps(document, allow_nan=False, indent=2))


def stdout() -> Console:
    """Return the console for results; the terminal determines colours and width, if there is one."""
    return uncut_without_terminal(Console(highlight=False))


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Yield a callback that shows the current step on stderr, if stderr is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda station: None
        return
    with console.status("load") as status:
        yield status.update
