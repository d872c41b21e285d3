"""`rewriter flatten M -o O`."""

from __future__ import annotations

from rewriter import pipeline
from rewriter.beside import read_inputs
from rewriter.cli.common import progress, show_report
from rewriter.declaration import shared
from rewriter.options.write import Flatten
from rewriter.passes.flatten import Flatten as FlattenPass


def run(options: Flatten) -> None:
    """Undo the functions of a rewrite, and prove it."""
    how = pipeline.Options(
        (FlattenPass(options.foreign),),
        **shared(options.proof) | {"inputs": read_inputs(options.proof.inputs)},
        sidecar=False,
        copy_data=options.copying.copy_data,
    )
    with progress() as tell:
        report = pipeline.rewrite(options.model, options.output, how, tell)
    show_report(report, as_json=options.printing.as_json)
