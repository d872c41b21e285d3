"""`torch.onnx.export`, and the tree of the module in the file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from rewriter.adapters.options import rewrite_options
from rewriter.api import rewrite
from rewriter.foreign import Rewritten
from rewriter.model.outputs import plan_copies
from rewriter.refusals import UsageError


def export(
    model: Any,
    args: Any = (),
    f: str | os.PathLike[str] | None = None,
    *,
    rewriting: Mapping[str, Any] | None = None,
    **keywords: Any,
) -> Rewritten:
    """Export a module as `torch.onnx.export` does, and write its tree into the model.

    The export itself is untouched: it gets all keywords, `dynamo=False` and `dynamo=True` alike. What it
    gives is rewritten with the module as the reference, so classes and modules that the exporter forgot are
    there too.

        report = rewriter.adapters.torch.export(model, (x,), "model.onnx", dynamic_shapes=...)

    Args:
        model: what torch exports: a module, or an exported program, which names no classes.
        args: its sample inputs.
        f: the file to write, which appears whole or not at all, with its external data and its sidecar. With
            None, where torch gives an `ONNXProgram`, `.result` is one.
        rewriting: keywords of `rewriter.rewrite`, such as `{"restore_names": True, "functions": "shared"}`,
            or `{"trace": (model, args)}` to place nodes by what they compute.
        keywords: all others, for `torch.onnx.export`.

    Returns:
        What was done and the proof that the model computes what torch exported.

    Raises:
        CannotWrite: the file cannot be written; nothing was exported.
        UsageError: `rewriting` has keywords that `rewrite` has not; nothing was exported.
        RewriterError: what `rewriter.rewrite` raises; the file is not written.
        Exception: what `torch.onnx.export` raises.
    """
    options = {**_reference(model), **rewrite_options(rewriting or {})}
    if f is None:
        program = torch.onnx.export(model, args, **keywords)
        if program is None:
            raise UsageError("torch gave no program; name the file to write, or leave out dynamo=False")
        return rewrite(program, **options)
    output = Path(f)
    plan_copies(None, [output], (), copy_data=False)  # refuses what cannot be written before the long work
    with TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as folder:
        exported = Path(folder) / output.name
        torch.onnx.export(model, args, exported, **keywords)
        return rewrite(exported, output, **{**options, "copy_data": True})


def _reference(model: Any) -> dict[str, Any]:
    """The module itself; scripted ones have lost the classes of their parts."""
    plain = isinstance(model, torch.nn.Module) and not isinstance(model, torch.jit.ScriptModule)
    return {"reference": model} if plain else {}
