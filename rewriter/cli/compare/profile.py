"""`rewriter profile M`."""

from __future__ import annotations

from rewriter import pipeline
from rewriter.api.input_arrays import read_inputs
from rewriter.cli.command_words import refuse_with
from rewriter.cli.common import given_of, progress, show
from rewriter.modules.selection import Selection
from rewriter.options.compare import ProfileOptions
from rewriter.views.json.profile import profile_json
from rewriter.views.text.profile import print_profile


def run(options: ProfileOptions) -> None:
    """Run the model, or read a profile, and print the time by module."""
    selection = options.selection
    if options.recorded is not None:
        refuse_with("--from runs nothing", "inputs", "rounds", "warmup", "threads")
    with progress() as tell:
        found = pipeline.profile(
            options.model,
            recorded=options.recorded,
            inputs=read_inputs(options.inputs),
            rounds=options.rounds,
            warmup=options.warmup,
            threads=options.threads,
            timeout=options.timeout,
            given=given_of(options),
            selection=selection,
            progress=tell,
        )
    chosen = None
    if selection != Selection():
        chosen = frozenset(module.path for module in selection.modules(found.analysis))
    show(options, lambda: profile_json(found, chosen), lambda console: print_profile(found, console, chosen))
