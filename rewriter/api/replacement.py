"""The Python library: the verbs that change a model, as functions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rewriter.api.foreign_models import AnySource, take
from rewriter.api.input_arrays import read_inputs
from rewriter.api.side_inputs import PathLike, ReferenceSource, TraceSource, read_evidence
from rewriter.edits.operator_name import OperatorName
from rewriter.edits.replacement import Replacement
from rewriter.errors import UsageError
from rewriter.modules.selection import Selection
from rewriter.pipeline import Inputs, Options, Source, replacing
from rewriter.runtime.compare.tolerance import tolerance_of


def replace(
    source: AnySource,
    modules: str | Sequence[str] | Selection,
    operator: str,
    output: PathLike | None = None,
    *,
    tolerance: float | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    numbers: bool | None = None,
    optimised: bool = False,
    inputs: Inputs | PathLike | None = None,
    copy_data: bool = False,
    timeout: float = 600.0,
    like: Source | None = None,
    reference: ReferenceSource | None = None,
    checkpoint: PathLike | None = None,
    trace: TraceSource | None = None,
    force: bool = False,
) -> Replacement:
    """Replace modules by nodes of one operator, with their computation as its function body.

    Args:
        source: the model; never changed.
        modules: a glob over module paths, several globs, or a selection; each call of a matching module
            becomes one node. Of modules inside each other, the outermost counts.
        operator: the domain and the name of the operator: `"my.domain:FusedAttention"`.
        output: the file to write; None to only return the model (`.model`).
        tolerance: in a domain of a runtime, accept numbers of its kernel within this share of the largest
            value of each output; 1e-3 if no tolerance is given.
        rtol: accept numbers of a kernel as `numpy.allclose` does; excludes `tolerance`.
        atol: see `rtol`.
        numbers: whether onnxruntime runs both models, whose outputs must agree bit for bit if the body runs.
            None: run them if possible. True: fail if they cannot be run.
        optimised: whether onnxruntime runs both models again with all its optimisations; their outputs must
            agree within 1e-3 of the largest value.
        inputs: input name -> array to run both models on, or a source for `read_inputs`; drawn from the
            signature if None.
        copy_data: whether to copy the external data that it reads, if the output is in another folder.
        timeout: time limit for each run of the models, in seconds.
        like: the model that this one was made from; see `load`.
        reference: the source that this model was built from; see `load`.
        checkpoint: the file from which weights get their names; see `load`.
        trace: the torch module to run; see `load`.
        force: whether to carry the tree of `like` over even if the models do not fit; see `load`.

    Raises:
        RewriterError: see its subclasses; nothing was written after an error.
    """
    selection = Selection.of(modules)
    if selection == Selection():
        raise UsageError("modules is empty; name one, such as 'encoder.layer.0', or a glob")
    taken = take(source)
    options = Options(
        numbers=numbers,
        optimised=optimised,
        inputs=read_inputs(inputs),
        timeout=timeout,
        tolerance=tolerance_of(tolerance, rtol, atol),
        copy_data=copy_data,
        given=read_evidence(like, reference, checkpoint, trace, force=force, output=output),
        folder=taken.folder,
    )
    target = None if output is None else Path(output)
    return replacing.replace(taken.source, selection, OperatorName.of(operator), target, options)
