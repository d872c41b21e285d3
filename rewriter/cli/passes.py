"""`rewriter passes`."""

from __future__ import annotations

import click

from rewriter.cli.common import emit_json, stdout
from rewriter.passes.catalogue import known_passes
from rewriter.views.passes import passes_json, print_passes


@click.command("passes")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def command(as_json: bool) -> None:
    """List the passes that `rewrite --passes` runs, with their options and defaults.

    Those of other packages come last, with the package that they are from; see docs/writing-a-pass.md. One
    that cannot be loaded is named on stderr.

    \b
      rewriter rewrite bert.onnx -o bert.layers.onnx -p 'annotate,unshare,group{depth=2},share'
    """
    found = known_passes()
    for fault in found.faults:
        click.echo(f"rewriter: {fault}", err=True)
    if as_json:
        emit_json(passes_json(found))
    else:
        print_passes(found, stdout())
