"""`diff` of two models, or of a model and the torch module that it was exported from."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TypeAlias

from rewriter import pipeline
from rewriter.api.foreign_models import AnySource, read_of
from rewriter.api.side_inputs import TraceSource, module_and_inputs
from rewriter.errors import UsageError
from rewriter.evidence.reference.sources import names_object
from rewriter.insight.comparison.module_diff import Diff
from rewriter.modules.selection import EVERYTHING, Selection
from rewriter.options.words import TOLERANCE
from rewriter.pipeline import Inputs
from rewriter.pipeline.loader import Progress

Compared: TypeAlias = "AnySource | TraceSource"
"""A model, or a torch module: as a factory (`file.py:factory`), a module, or `(module, inputs)`."""


def compare(
    before: Compared,
    after: Compared,
    *,
    numbers: bool = True,
    inputs: Inputs | None = None,
    tolerance: float = TOLERANCE,
    timeout: float = 600.0,
    selection: Selection = EVERYTHING,
    progress: Progress = lambda station: None,
) -> Diff:
    """Compare two models, or a model and its torch module; see `pipeline.diff` and `diff_with_module`.

    Raises:
        UsageError: both are torch modules, or one is and no numbers are wanted; further as those functions.
    """
    sides = before, after
    torch = [is_torch(each) for each in sides]
    if not any(torch):
        return pipeline.diff(
            read_of(before),
            read_of(after),
            numbers=numbers,
            inputs=inputs,
            tolerance=tolerance,
            timeout=timeout,
            selection=selection,
            progress=progress,
        )
    if all(torch):
        raise UsageError("both are torch modules; give the ONNX file of one of them")
    if not numbers:
        raise UsageError("a torch module is compared by numbers; leave out --no-numbers")
    source, model = (before, after) if torch[0] else (after, before)
    text = os.fspath(source) if isinstance(source, str | os.PathLike) else None
    module, samples = module_and_inputs(source if text is None else text, "the torch module")
    return pipeline.diff_with_module(
        read_of(model),
        module,
        samples,
        name=str(text or type(module).__name__),
        inputs=inputs,
        tolerance=tolerance,
        timeout=timeout,
        selection=selection,
        progress=progress,
    )


def is_torch(source: object) -> bool:
    """Whether a source is a torch module, `(module, inputs)`, or the text of a factory."""
    if isinstance(source, str | os.PathLike):
        text = os.fspath(source)
        return isinstance(text, str) and _names_factory(text) and not Path(text).exists()
    torch = sys.modules.get("torch")
    module = source[0] if isinstance(source, tuple) and len(source) == 2 else source
    return torch is not None and isinstance(module, torch.nn.Module)


def _names_factory(text: str) -> bool:
    name = text.rpartition(":")[2].removesuffix("()")
    return names_object(text) and all(atom.isidentifier() for atom in name.split("."))
