"""`torch.onnx.export` that also writes the module tree into the file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from rewriter.adapters.options import rewrite_options
from rewriter.api.foreign import Rewritten
from rewriter.api.functions import rewrite
from rewriter.model.storage.atomic_outputs import plan_copies
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

    The export itself is unchanged: it gets all keywords, with `dynamo=False` and `dynamo=True` alike. Its
    result is rewritten with the module as the reference, so classes and modules that the exporter dropped are
    there too.

        report = rewriter.adapters.torch.export(model, (x,), "model.onnx", dynamic_shapes=...)

    Args:
        model: the argument of torch's export: a module, or an exported program, which names no classes.
        args: its sample inputs.
        f: the file to write, whole or not at all, with its external data and its sidecar. With
            None, if torch returns an `ONNXProgram`, `.result` is one.
        rewriting: keywords of `rewriter.rewrite`, such as `{"restore_names": True, "functions": "shared"}`,
            or `{"trace": (model, args)}` to place nodes by what they compute.
        keywords: all others, for `torch.onnx.export`.

    Returns:
        The report, with the proof that the model computes what torch exported.

    Raises:
        CannotWrite: the file cannot be written; nothing was exported.
        UsageError: `rewrite` does not have a keyword of `rewriting`; nothing was exported.
        RewriterError: as `rewriter.rewrite`; the file is not written.
        Exception: as `torch.onnx.export`.
    """
    options = {**_reference(model), **rewrite_options(rewriting or {})}
    if f is None:
        program = torch.onnx.export(model, args, **keywords)
        if program is None:
            raise UsageError("torch gave no program; name the file to write, or leave out dynamo=False")
        return rewrite(program, **options)
    output = Path(f)
    plan_copies(None, [output], (), copy_data=False)  # check the output before the long export
    with TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as folder:
        exported = Path(folder) / output.name
        torch.onnx.export(model, args, exported, **keywords)
        return rewrite(exported, output, **{**options, "copy_data": True})


def _reference(model: Any) -> dict[str, Any]:
    """The module itself as the reference; scripted modules have lost the classes of their parts."""
    plain = isinstance(model, torch.nn.Module) and not isinstance(model, torch.jit.ScriptModule)
    return {"reference": model} if plain else {}
