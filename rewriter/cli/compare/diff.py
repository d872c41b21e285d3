"""`rewriter diff A B`."""

from __future__ import annotations

from rewriter.api.comparison import compare
from rewriter.api.input_arrays import read_inputs
from rewriter.cli.command_words import refuse_with
from rewriter.cli.common import progress, show
from rewriter.errors import Different
from rewriter.insight.comparison.module_diff import chosen_of
from rewriter.options.compare import DiffOptions
from rewriter.views.json.diff import diff_json
from rewriter.views.text.differences.printing import print_diff


def run(options: DiffOptions) -> int:
    """Print the differences of two models; return 0 if they are equal as far as compared, else 1."""
    if not options.numbers:
        refuse_with("--no-numbers runs nothing", "tolerance", "threads", "timeout")
    with progress() as tell:
        found = compare(
            options.before,
            options.after,
            numbers=options.numbers,
            inputs=read_inputs(options.inputs),
            tolerance=options.tolerance,
            timeout=options.timeout,
            selection=options.selection,
            progress=tell,
        )
    chosen = chosen_of(found.before, found.after, options.selection)
    show(
        options,
        lambda: diff_json(found, chosen),
        lambda console: print_diff(found, console, chosen, everything=options.everything),
    )
    return 0 if found.equal else Different.exit_code
