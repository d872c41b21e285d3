"""The verbs on weights as functions: the map of a state dict, its file, and new weights for a model."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from rewriter import pipeline
from rewriter.api.foreign_models import AnySource, read_of
from rewriter.api.side_inputs import PathLike, ReferenceSource, TraceSource, read_evidence
from rewriter.checkpoints import refit as refitting
from rewriter.checkpoints import weight_map
from rewriter.checkpoints.content import find_formulas
from rewriter.checkpoints.lora.adapter import Adapter, read_adapter
from rewriter.checkpoints.lora.refit_adapter import AdapterRefit
from rewriter.checkpoints.plan import OldFormulas, plan
from rewriter.checkpoints.refit import Refit
from rewriter.checkpoints.tensors.state_dict import StateDict, of_mapping, of_path
from rewriter.checkpoints.weight_map import WeightMap
from rewriter.errors import UsageError
from rewriter.evidence.checkpoint.witness import ForeignCheckpoint
from rewriter.evidence.side_inputs import Given
from rewriter.modules.analysis import Analysis
from rewriter.pipeline import Progress, Source

if TYPE_CHECKING:
    from torch.nn import Module as TorchModule

NewWeights: TypeAlias = "PathLike | Mapping[str, Any] | TorchModule"
"""New weights: a checkpoint file or the folder of one, a mapping of arrays by key, or a torch module."""


def weights(
    source: AnySource,
    output: PathLike | None = None,
    *,
    like: Source | None = None,
    reference: ReferenceSource | None = None,
    checkpoint: PathLike | None = None,
    trace: TraceSource | None = None,
    force: bool = False,
) -> WeightMap:
    """Map the keys of the state dict to the tensors that hold them, and write the state dict.

    Args:
        source: the model; never changed.
        output: the safetensors file to write; None to write nothing.
        like: the model that this one was made from; see `load`.
        reference: the source that this model was built from; see `load`. It shows which keys there are, and
            which are tied.
        checkpoint: the file from which weights get their names; see `load`.
        trace: the torch module to run; see `load`.
        force: whether to carry the tree of `like` over even if the models do not fit; see `load`.

    Raises:
        RewriterError: see its subclasses; nothing was written after an error.
    """
    given = read_evidence(like, reference, checkpoint, trace, force=force, output=output)
    analysis = pipeline.load(read_of(source), given)
    return weight_map.weights(analysis, Path(output) if output is not None else None)


def refit(
    source: AnySource,
    new: NewWeights | None = None,
    output: PathLike | None = None,
    *,
    lora: PathLike | None = None,
    scale: float = 1.0,
    keep: bool = False,
    numbers: bool = True,
    timeout: float = 600.0,
    partial: bool = False,
    prefix: str | None = None,
    like: Source | None = None,
    reference: ReferenceSource | None = None,
    checkpoint: PathLike | None = None,
    trace: TraceSource | None = None,
    force: bool = False,
) -> Refit:
    """Put the weights of another checkpoint or adapter into a model, and prove that nothing else changed.

    Args:
        source: the model; never changed.
        new: the new weights: a file (safetensors, torch's format, an index of shards), its folder, a mapping
            of arrays by key, or a torch module; None, with `lora`, to keep those of the model.
        output: the file to write; None to only return the model (`.model`).
        lora: the folder of a LoRA adapter of peft, to merge into the weights.
        scale: a factor of the scale that the adapter states.
        keep: whether the adapter stays in the model as nodes of its own beside its layers.
        numbers: with `keep`: whether to run the result, and the model with the adapter merged.
        timeout: time limit for that, in seconds.
        partial: whether tensors whose new weights are not known keep their content; if not, they are an
            error.
        prefix: the prefix of the keys in `new` that are for this model, such as `model`, or without `new` of
            the modules in the adapter; None to find it.
        like: the model that this one was made from; see `load`.
        reference: the source that this model was built from; see `load`.
        checkpoint: the checkpoint that was exported: it shows what the tensors hold.
        trace: the torch module to run; see `load`.
        force: whether to carry the tree of `like` over even if the models do not fit; see `load`.

    Raises:
        RewriterError: see its subclasses; nothing was written after an error. The `Unresolved` error has the
            result as `found`, with everything that has no new weights.
    """
    given = read_evidence(like, reference, checkpoint, trace, force=force, output=output)
    target = Path(output) if output is not None else None
    return refit_given(
        read_of(source),
        state_dict_of(new) if new is not None else None,
        target,
        given,
        lora=Path(lora) if lora is not None else None,
        scale=scale,
        keep=keep,
        numbers=numbers,
        timeout=timeout,
        partial=partial,
        prefix=prefix,
    )


def refit_given(
    source: Source,
    new: StateDict | None,
    output: Path | None,
    given: Given,
    *,
    lora: Path | None = None,
    scale: float = 1.0,
    keep: bool = False,
    numbers: bool = True,
    timeout: float = 600.0,
    partial: bool = False,
    prefix: str | None = None,
    progress: Progress = lambda station: None,
) -> Refit:
    """Put new weights into a model; see `refit`."""
    adapter = _adapter(lora, scale, keep=keep, has_new=new is not None)
    foreign = None
    try:
        model, analysis = pipeline.read_and_load(source, given)
    except ForeignCheckpoint as error:
        # The exporter may have computed all its tensors, which formulas still show.
        foreign = error
        model, analysis = pipeline.read_and_load(source, replace(given, checkpoint=None))
    progress("names")
    found = _by_content(analysis, given, progress)
    if foreign is not None and found is not None and not found.by_content.formulas:
        raise foreign
    if adapter is None:
        assert new is not None, "there are new weights or an adapter"
        wanted = plan(analysis, new, prefix=prefix, found=found)
        return refitting.refit(model, analysis, wanted, output, partial=partial, progress=progress)
    task = AdapterRefit(model, analysis, adapter, new, prefix, found, partial, progress)
    return task.beside(output, numbers=numbers, timeout=timeout) if keep else task.merged(output)


def _adapter(lora: Path | None, scale: float, *, keep: bool, has_new: bool) -> Adapter | None:
    """Read an adapter; None without one.

    Raises:
        UsageError: there are neither new weights nor an adapter, or the scale has no effect or is no number.
    """
    if lora is None:
        if not has_new:
            raise UsageError("missing weights: name a checkpoint as NEW, or an adapter by --lora")
        if scale != 1.0 or keep:
            raise UsageError(f"--{'keep' if keep else 'scale'} is for an adapter; name it by --lora")
        return None
    if not math.isfinite(scale):
        raise UsageError(f"--scale {scale} is no finite number")
    return read_adapter(lora).times(scale)


def _by_content(analysis: Analysis, given: Given, progress: Progress) -> OldFormulas | None:
    """Return the formulas that comparison with the exported checkpoint shows; None without a checkpoint."""
    if given.checkpoint is None:
        return None
    old = of_path(given.checkpoint.path)
    return OldFormulas(find_formulas(analysis, old, progress), old)


def state_dict_of(new: NewWeights) -> StateDict:
    """Return the state dict of new weights.

    Raises:
        UnreadableModel: the file is missing or damaged.
        UsageError: the kind of object is unknown, or the file needs torch, which is not installed.
    """
    if isinstance(new, str | os.PathLike):
        return of_path(Path(new))
    if hasattr(new, "state_dict"):
        return of_mapping(new.state_dict(), type(new).__name__)
    return of_mapping(new)
