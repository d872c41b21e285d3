"""`rewriter verify A B`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.beside import read_inputs
from rewriter.cli.common import MODEL, Finite, emit_json, proof_options, stdout
from rewriter.proof.verification import Verdict
from rewriter.refusals import Different, NotProved
from rewriter.runtime.difference import tolerance_of
from rewriter.views.json import verify_json
from rewriter.views.text.report import print_verification


@click.command("verify")
@click.argument("before", type=MODEL)
@click.argument("after", type=MODEL)
@click.option(
    "--tolerance",
    type=Finite(min=0),
    metavar="T",
    help="Accept numbers that agree within T of the largest value: |a-b| <= T max|a| at every output.",
)
@click.option(
    "--rtol",
    type=Finite(min=0),
    metavar="R",
    help="Accept numbers as numpy.allclose does: |a-b| <= ATOL + R |a| at every element (R 1e-5 if only "
    "--atol is given).",
)
@click.option("--atol", type=Finite(min=0), metavar="A", help="See --rtol (1e-8 if only --rtol is given).")
@proof_options
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    before: Path,
    after: Path,
    tolerance: float | None,
    rtol: float | None,
    atol: float | None,
    numbers: bool | None,
    optimised: bool,
    inputs: Path | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Tell whether BEFORE and AFTER compute the same: equal, not proved, or different.

    'equal' is proved, and numbers, where they are taken, agree bit for bit. 'different' means that an input
    shows other results than rounding explains, or that the models take or give other things. All else is
    'not proved'. With a tolerance, numbers decide: within it the exit code is 0, whatever the proof says.

    \b
      rewriter verify bert.onnx bert.tree.onnx
      rewriter verify bert.onnx bert.tree.onnx --tolerance 1e-4
    """
    options = pipeline.Options(
        numbers=numbers,
        optimised=optimised,
        inputs=read_inputs(inputs),
        timeout=timeout,
        tolerance=tolerance_of(tolerance, rtol, atol),
    )
    verification = pipeline.verify(before, after, options)
    if as_json:
        emit_json(verify_json(verification))
    else:
        print_verification(verification, stdout())
    different = verification.verdict is Verdict.DIFFERENT
    ctx.exit(0 if verification.accepted else (Different if different else NotProved).exit_code)
