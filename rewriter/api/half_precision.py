"""`precision` in Python."""

from __future__ import annotations

from rewriter import pipeline
from rewriter.api.foreign_models import AnySource, read_of
from rewriter.api.input_arrays import read_inputs
from rewriter.api.side_inputs import PathLike, ReferenceSource, TraceSource, read_evidence
from rewriter.basics.literals import HalfWord
from rewriter.insight.half_precision.module_precision import Precision
from rewriter.options.words import HALF_TOLERANCE
from rewriter.pipeline import Inputs, Source


def precision(
    source: AnySource,
    to: HalfWord = "fp16",
    *,
    inputs: Inputs | PathLike | None = None,
    tolerance: float = HALF_TOLERANCE,
    timeout: float = 600.0,
    like: Source | None = None,
    reference: ReferenceSource | None = None,
    checkpoint: PathLike | None = None,
    trace: TraceSource | None = None,
    force: bool = False,
) -> Precision:
    """Find the modules to keep in float32 if the others are in half precision.

    Half precision is simulated: every operand and result of a node is rounded, and nodes compute in float32.

    Args:
        source: the model.
        to: the type: `fp16` or `bf16`.
        inputs: input name -> array to run the model on, or a source for `read_inputs`; drawn from the
            signature if None.
        tolerance: the largest relative error of the outputs that is accepted.
        timeout: time limit for the whole measurement, in seconds.
        like: the model that this one was made from; see `load`.
        reference: the source that this model was built from; see `load`.
        checkpoint: the file from which weights get their names; see `load`.
        trace: the torch module to run; see `load`.
        force: whether to carry the tree of `like` over even if the models do not fit; see `load`.

    Raises:
        UnreadableModel: the model cannot be read.
        UsageError: the model cannot be run on these inputs.
    """
    return pipeline.precision(
        read_of(source),
        to,
        inputs=read_inputs(inputs),
        tolerance=tolerance,
        timeout=timeout,
        given=read_evidence(like, reference, checkpoint, trace, force=force),
    )
