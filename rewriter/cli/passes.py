"""`rewriter passes`."""

from __future__ import annotations

import json

import click
from rich.padding import Padding
from rich.text import Text

from rewriter.cli.common import emit_json, stdout
from rewriter.passes.base import Pass
from rewriter.passes.syntax import PASSES, options_of, purpose_of


@click.command("passes")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def command(as_json: bool) -> None:
    """List the passes that `rewrite --passes` runs, with their options and defaults.

    \b
      rewriter rewrite bert.onnx -o bert.layers.onnx -p 'annotate,unshare,group{depth=2},share'
    """
    if as_json:
        passes = [
            {"name": step.name, "purpose": purpose_of(step), "options": options_of(step)} for step in PASSES
        ]
        emit_json({"schema": "rewriter.passes/1", "passes": passes})
        return
    console = stdout()
    for step in PASSES:
        console.print(Text.assemble((step.name, "bold"), _braces(step)))
        console.print(Padding(Text(purpose_of(step)), (0, 0, 1, 4)))


def _braces(step: type[Pass]) -> str:
    options = ",".join(f"{name}={json.dumps(default)}" for name, default in options_of(step).items())
    return f"{{{options}}}" if options else ""
