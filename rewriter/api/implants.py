"""The verbs that change a model, as functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from rewriter import pipeline
from rewriter.api.foreign_models import AnySource, read_of
from rewriter.api.input_arrays import read_inputs
from rewriter.api.side_inputs import PathLike, ReferenceSource, TraceSource, read_evidence
from rewriter.cutting.check import Checking
from rewriter.cutting.split import parse_call
from rewriter.edits import implants
from rewriter.edits.implants import ALL, Assignment, Implanting
from rewriter.errors import UsageError
from rewriter.model.storage.output_targets import spare_given
from rewriter.modules.analysis import Analysis
from rewriter.modules.selection import Selection
from rewriter.pipeline import Inputs, Source
from rewriter.runtime.compare.tolerance import tolerance_of

_EACH = f"@{ALL}"
"""End of the text for each call of a module."""


def implant(
    source: AnySource,
    pieces: Mapping[str, AnySource] | Iterable[tuple[str, AnySource]],
    output: PathLike | None = None,
    *,
    call: int | str | None = None,
    tolerance: float | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    numbers: bool = True,
    inputs: Inputs | PathLike | None = None,
    copy_data: bool = False,
    timeout: float = 600.0,
    like: Source | None = None,
    reference: ReferenceSource | None = None,
    checkpoint: PathLike | None = None,
    trace: TraceSource | None = None,
    force: bool = False,
) -> Implanting:
    """Put pieces into a model in place of modules; prove that all else stayed as it was.

    Args:
        source: the model; never changed.
        pieces: module -> the model that takes its place: what `extract` made of the module, changed by any
            tool. A module is a glob; modules that match become one piece. `"block@1"` is the second call of a
            module, and `"block@all"` each of its calls.
        output: the file to write; None to only return the model (`.model`).
        call: the call of all modules that name none.
        tolerance: accept outputs within this share of the largest value of each output; None to accept any.
        rtol: accept outputs as `numpy.allclose` does; see `verify`.
        atol: see `rtol`.
        numbers: whether onnxruntime runs the model before and after, and the outputs are compared. Nothing is
            written if one of them does not run.
        inputs: input name -> array to run both on, or a source for `read_inputs`; drawn from the signature if
            None.
        copy_data: whether to copy the external data that it reads, if that lies in another folder.
        timeout: time limit for running the models, in seconds.
        like: the model that this one was made from; see `load`.
        reference: the source that this model was built from; see `load`.
        checkpoint: the file from which weights get their names; see `load`.
        trace: the torch module to run; see `load`.
        force: whether to carry the tree of `like` over even if the models do not fit; see `load`.

    Raises:
        RewriterError: see its subclasses; nothing was written after an error.
    """
    given = read_evidence(like, reference, checkpoint, trace, force=force, output=output)
    named = list(pieces.items() if isinstance(pieces, Mapping) else pieces)
    if not named:
        raise UsageError("there is no piece; give modules with their pieces")
    if output is not None:
        spare_given(Path(output), inputs=inputs)
    analysis = pipeline.load_flat(read_of(source), given)
    loaded = {id(piece): pipeline.load_flat(read_of(piece)) for _, piece in named}
    return implants.implant(
        analysis,
        [_pair(analysis, module, loaded[id(piece)], call) for module, piece in named],
        Path(output) if output is not None else None,
        checking=Checking(numbers=numbers, inputs=read_inputs(inputs), timeout=timeout),
        tolerance=tolerance_of(tolerance, rtol, atol),
        copy_data=copy_data,
    )


def _pair(analysis: Analysis, text: str, piece: Analysis, call: int | str | None) -> Assignment:
    """Return a pair from its text: a glob over modules, and `@` with a call."""
    glob, named = (text[: -len(_EACH)], ALL) if text.endswith(_EACH) else parse_call(text)
    if not glob:
        raise UsageError("a module is empty; name one, such as 'encoder.layer.0', or a glob")
    modules = tuple(module.path for module in Selection((glob,)).whole(analysis))
    return Assignment(modules, piece, call if named is None else named)
