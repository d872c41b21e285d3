"""`rewriter refit M [NEW] [--lora ADAPTER] -o O`."""

from __future__ import annotations

from rewriter.api.checkpoints import refit_given
from rewriter.checkpoints.refit import Refit, Unresolved
from rewriter.checkpoints.tensors.state_dict import of_path
from rewriter.cli.common import given_of, progress, show
from rewriter.options.weights import RefitOptions
from rewriter.views.json.edits.refit import refit_json
from rewriter.views.text.edits.weights import print_refit


def run(options: RefitOptions) -> None:
    """Write the model with new weights, and print what it took from where.

    Raises:
        Unresolved: something has no new weights; the result was printed.
    """
    try:
        with progress() as tell:
            found = refit_given(
                options.model,
                of_path(options.new) if options.new is not None else None,
                options.output,
                given_of(options, options.output),
                lora=options.lora,
                scale=options.scale,
                keep=options.keep,
                numbers=options.numbers,
                timeout=options.timeout,
                partial=options.partial,
                prefix=options.prefix,
                progress=tell,
            )
    except Unresolved as error:
        _show(options, error.found)
        raise
    _show(options, found)


def _show(options: RefitOptions, found: Refit) -> None:
    show(options, lambda: refit_json(found), lambda console: print_refit(found, console))
