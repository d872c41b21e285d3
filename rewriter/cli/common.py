"""What the verbs share: evidence that users give, streams and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from rewriter import pipeline
from rewriter.basics.declaration import values
from rewriter.evidence.side_inputs import NOTHING, Given
from rewriter.modules.analysis import Analysis
from rewriter.options.groups import Printing, Proof, SideInputs
from rewriter.options.look import ExplainOptions, TreeOptions


def given_of(options: SideInputs, output: Path | None = None) -> Given:
    """What users give beside a model, read.

    Args:
        options: the verb's.
        output: the file that is to be written, which may be none of these.
    """
    told = values(SideInputs, options)
    if not any(told.values()):
        return NOTHING
    from rewriter.api.side_inputs import read_evidence

    return read_evidence(**told, output=output)


def analysed(model: Path, options: TreeOptions | ExplainOptions) -> Analysis:
    """A model with its tree, as a rewrite would write it: by a config that lies with it, too."""
    from rewriter.api.side_inputs import with_config

    given = given_of(options)
    return pipeline.load(model, with_config(given, model) if options.config else given)


def proof_of(options: Proof) -> dict[str, Any]:
    """How models are proved the same, as keywords of `pipeline.Options`, the inputs read."""
    from rewriter.api.side_inputs import read_inputs

    return values(Proof, options) | {"inputs": read_inputs(options.inputs)}


def show(options: Printing, document: Callable[[], object], text: Callable[[Console], None]) -> None:
    """Print a result, as JSON or as text: what is not asked for is not made."""
    emit_json(document()) if options.as_json else text(stdout())


def emit_json(document: object) -> None:
    """Print a document on stdout as valid JSON, whatever text it holds."""
    click.echo(json.dumps(document, allow_nan=False, indent=2))


def stdout() -> Console:
    """The console for results; the terminal determines colours and width."""
    return Console(highlight=False)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show the current station on stderr if that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda station: None
        return
    with console.status("load") as status:
        yield status.update
