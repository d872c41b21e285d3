"""`rewriter verify A B`."""

from __future__ import annotations

from rewriter import pipeline
from rewriter.beside import read_inputs
from rewriter.cli.common import emit_json, stdout
from rewriter.options.compare import Verify
from rewriter.proof.verification import Verdict
from rewriter.refusals import Different, NotProved
from rewriter.runtime.difference import tolerance_of
from rewriter.views.json import verify_json
from rewriter.views.text.report import print_verification


def run(options: Verify) -> int:
    """Compare two models and print the verdict; the exit code tells it, too."""
    told, proof = options.tolerances, options.proof
    how = pipeline.Options(
        numbers=proof.numbers,
        optimised=proof.optimised,
        inputs=read_inputs(proof.inputs),
        timeout=proof.timeout,
        tolerance=tolerance_of(told.tolerance, told.rtol, told.atol),
    )
    verification = pipeline.verify(options.before, options.after, how)
    if options.printing.as_json:
        emit_json(verify_json(verification))
    else:
        print_verification(verification, stdout())
    if verification.accepted:
        return 0
    return (Different if verification.verdict is Verdict.DIFFERENT else NotProved).exit_code
