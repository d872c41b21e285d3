"""`rewriter implant M MODULE PIECE... -o O`."""

from __future__ import annotations

from rewriter.api.implants import implant
from rewriter.basics.option_declaration import values
from rewriter.cli.common import progress, show
from rewriter.options.edit import ImplantOptions
from rewriter.options.groups import RunOptions, SideInputs, Tolerances
from rewriter.views.json.edits.implant import implant_json
from rewriter.views.text.edits.implant import print_implanting


def run(options: ImplantOptions) -> None:
    """Put pieces into a model, and print a summary."""
    groups = (RunOptions, SideInputs, Tolerances)
    told = {name: value for group in groups for name, value in values(group, options).items()}
    with progress() as tell:
        tell("implant")
        found = implant(
            options.model,
            options.pairs,
            options.output,
            call=options.call,
            numbers=options.numbers,
            copy_data=options.copy_data,
            **told,
        )
    show(options, lambda: implant_json(found), lambda console: print_implanting(found, console))
