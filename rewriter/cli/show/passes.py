"""`rewriter passes`."""

from __future__ import annotations

import click

from rewriter.cli.common import emit_json, stdout
from rewriter.options.show import PassesOptions
from rewriter.passes.registry.catalogue import known_passes
from rewriter.views.passes import passes_json, print_passes


def run(options: PassesOptions) -> None:
    """List the passes: first those of rewriter, then those of other packages."""
    found = known_passes()
    for fault in found.faults:
        click.echo(f"rewriter: {fault}", err=True)
    if options.as_json:
        emit_json(passes_json(found))
    else:
        print_passes(found, stdout())
