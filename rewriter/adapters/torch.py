"""`torch.onnx.export` that also writes the module tree into the file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from rewriter.adapters.options import rewrite_options
from rewriter.api.foreign_models import Rewritten
from rewriter.api.functions import rewrite
from rewriter.errors import UsageError
from rewriter.model.storage.output_targets import plan_copies


def export(
    model: Any,
    args: Any = (),
    f: str | os.PathLike[str] | None = None,
    *,
    rewriting: Mapping[str, Any] | None = None,
    **keywords: Any,
) -> Rewritten:
    """Export a module as `torch.onnx.export` does, and write its tree into the model.

    `torch.onnx.export` gets all `keywords` unchanged, with `dynamo=False` as with `dynamo=True`. Its result
    is rewritten with the module as the reference, which adds classes and modules that the exporter dropped.

        report = rewriter.adapters.torch.export(model, (x,), "model.onnx", dynamic_shapes=...)

    Args:
        model: a module, or an exported program. Exported programs and scripted modules are not used as
            references.
        args: the sample inputs.
        f: the file to write, completely or not at all, with its external data and its sidecar. If None, torch
            must return an `ONNXProgram`, and `.result` is one too.
        rewriting: keywords of `rewriter.rewrite`, such as `{"restore_names": True, "functions": "shared"}`,
            or `{"trace": (model, args)}` to place nodes by the values that they compute.
        keywords: further keywords for `torch.onnx.export`.

    Returns:
        The report, with the proof that the model computes the same as the exported one.

    Raises:
        CannotWrite: the file cannot be written; nothing was exported.
        UsageError: `rewrite` does not have a keyword of `rewriting`, and nothing was exported; or `f` is
            None, and torch returns no program.
        RewriterError: see `rewriter.rewrite`; the file was not written.
        Exception: see `torch.onnx.export`.
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
    """Return a plain module as a keyword; scripted modules have lost the classes of submodules."""
    plain = isinstance(model, torch.nn.Module) and not isinstance(model, torch.jit.ScriptModule)
    return {"reference": model} if plain else {}
