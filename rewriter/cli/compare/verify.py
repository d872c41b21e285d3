"""`rewriter verify A B`."""

from __future__ import annotations

from rewriter import pipeline
from rewriter.cli.common import proof_of, show
from rewriter.errors import Different, NotProved
from rewriter.options.compare import VerifyOptions
from rewriter.runtime.compare.tolerance import tolerance_of
from rewriter.verdict.verification import Verdict
from rewriter.views.json import verify_json
from rewriter.views.text.rewrite_report import print_verification


def run(options: VerifyOptions) -> int:
    """Compare two models, print the verdict, and return its exit code."""
    tolerance = tolerance_of(options.tolerance, options.rtol, options.atol)
    how = pipeline.Options(**proof_of(options), tolerance=tolerance, laws=options.laws)
    verification = pipeline.verify(options.before, options.after, how)
    show(
        options, lambda: verify_json(verification), lambda console: print_verification(verification, console)
    )
    if verification.accepted:
        return 0
    return (Different if verification.verdict is Verdict.DIFFERENT else NotProved).exit_code
