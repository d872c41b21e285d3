"""`rewriter tap M MODULE... -o O`."""

from __future__ import annotations

from rewriter import pipeline
from rewriter.api.input_arrays import read_inputs
from rewriter.api.taps import tap_pass
from rewriter.cli.common import given_of, progress, proof_of, show
from rewriter.model.storage.output_targets import spare_given
from rewriter.options.edit import TapOptions
from rewriter.views.json.edits.taps import tap_json
from rewriter.views.text.edits.taps import print_taps


def run(options: TapOptions) -> None:
    """Make values of modules outputs of the model, and print these outputs."""
    spare_given(options.output, feed=options.feed)
    how = pipeline.Options(
        (tap_pass(options.selection, options, numbers=options.numbers, timeout=options.timeout),),
        **proof_of(options) | {"inputs": read_inputs(options.feed)},
        sidecar=False,
        copy_data=options.copy_data,
        given=given_of(options, options.output),
    )
    with progress() as tell:
        report = pipeline.rewrite(options.model, options.output, how, tell)
    show(options, lambda: tap_json(report), lambda console: print_taps(report, console))
