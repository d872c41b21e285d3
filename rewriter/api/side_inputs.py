"""Reads the evidence that users give with a model, and returns it as `evidence.side_inputs.Given`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from rewriter.api.foreign_models import read_of
from rewriter.errors import UsageError
from rewriter.evidence.checkpoint.hashes import Checkpoint
from rewriter.evidence.reference.module_list import Declared, Reference, ReferenceModule, full_scope
from rewriter.evidence.reference.sources import (
    demand,
    named,
    names_object,
    of_module,
    of_text,
    read_json,
    telling,
)
from rewriter.evidence.side_inputs import Given
from rewriter.evidence.trace.recording import Trace, Tracer
from rewriter.model.storage.output_targets import spare_given
from rewriter.model.storage.sidecar_path import SCHEMAS
from rewriter.modules.module import Module
from rewriter.modules.module_tree import ModuleTree
from rewriter.pipeline import Source, read_like
from rewriter.views.sidecar import document as sidecar

if TYPE_CHECKING:
    from torch.nn import Module as TorchModule

PathLike = str | os.PathLike[str]
"""The path of a file."""

ReferenceSource: TypeAlias = "PathLike | ModuleTree | sidecar.Sidecar | TorchModule"
"""Sources of a reference: text or path for `of_text`, a sidecar or its path, a tree, or a torch module."""


TraceSource: TypeAlias = "str | TorchModule | tuple[TorchModule, Any]"
"""Sources of a trace: a factory as `package.module:factory` or `path.py:factory`, or the result of a factory.

The result is `(module, inputs)` or a module alone. The torch module has the weights of the file; `inputs` is
one tensor, a sequence of arguments, or a mapping of arguments by name. A module alone runs on random inputs.
"""


def read_evidence(
    like: Source | None = None,
    reference: object = None,
    checkpoint: PathLike | None = None,
    trace: TraceSource | None = None,
    *,
    force: bool = False,
    output: PathLike | None = None,
) -> Given:
    """Read the evidence that users give with a model.

    Args:
        like: the model that this one was made from, or its sidecar.
        reference: a `ReferenceSource`.
        checkpoint: the path of a checkpoint; the analysis reads it.
        trace: a `TraceSource`. A module with inputs runs at once; the analysis runs the model on the same
            inputs.
        force: whether to carry the tree of `like` over even if the models have too little in common.
        output: the file to write, together with its sidecar; neither may be one of the files read here.

    Raises:
        UnreadableModel: the other model or a sidecar cannot be read.
        UsageError: the output would replace a file that is read here; the reference cannot be built; the
            trace cannot be run; or `force` is given without `like`.
    """
    if force and like is None:
        raise UsageError("--force has an effect only with --like; add --like")
    if output is not None:
        spare_given(Path(output), like=like, reference=reference, checkpoint=checkpoint, trace=trace)
    return Given(
        read_like(read_of(like)) if like is not None else None,
        _references(reference) if reference is not None else (),
        Checkpoint(Path(checkpoint)) if checkpoint is not None else None,
        _trace(trace) if trace is not None else None,
        forced=force,
    )


def _trace(source: object) -> Trace | Tracer:
    module, inputs = module_and_inputs(source, "trace")
    from rewriter.evidence.trace import recorder

    return recorder.tracer(module) if inputs is None else recorder.trace(module, *inputs)


def module_and_inputs(source: object, what: str) -> tuple[TorchModule, tuple[Any] | None]:
    """Return the module of a `TraceSource` and its inputs as a tuple of one; None for a module alone.

    Args:
        source: the source.
        what: its name in messages, if it is no text.

    Raises:
        UsageError: torch is not installed, the factory fails, or its result has another form.
    """
    what = source if isinstance(source, str) else what
    demand("torch", what)
    from rewriter.evidence.trace import recorder

    if isinstance(source, str):
        if not names_object(source):
            raise UsageError(f"{source}: nothing to trace; name package.module:factory or file.py:factory")
        with telling(source):
            source = named(source)
            if callable(source) and not recorder.is_module(source):
                source = source()
    if recorder.is_module(source):
        return cast("TorchModule", source), None
    if isinstance(source, tuple) and len(source) == 2 and recorder.is_module(source[0]):
        return source[0], (source[1],)
    raise UsageError(
        f"{what}: a trace needs a torch.nn.Module, or (module, inputs); got {type(source).__name__}"
    )


def _references(source: object) -> tuple[Reference, ...]:
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if path.suffix == ".json" and read_json(path).get("schema") in SCHEMAS:
            return (of_tree(sidecar.read(path).tree, path.name),)
        return of_text(os.fspath(source) if isinstance(source, str) else str(path))
    if isinstance(source, sidecar.Sidecar):
        return (of_tree(source.tree, source.file or "the sidecar"),)
    if isinstance(source, ModuleTree):
        return (of_tree(source, "the tree"),)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(source, torch.nn.Module):
        return (of_module(source),)
    raise UsageError(
        f"a reference cannot be made from a {type(source).__name__}; give a module, text or path"
    )


def of_tree(tree: ModuleTree, name: str) -> Reference:
    """Return a reference with the classes of the tree of another file, and the parameters of its modules.

    Args:
        tree: the tree.
        name: its name in messages.
    """
    return Reference(name, {module.path: _of_module(module) for module in tree})


def _of_module(module: Module) -> ReferenceModule:
    declared = module.declared or tuple(
        Declared(each.name, each.shape[::-1] if each.transposed else each.shape, trainable=None)
        for each in module.parameters
    )
    known = module.class_name and module.full_scope == full_scope(module.class_name, module.path)
    is_list = not module.calls and module.total_nodes > 0
    return ReferenceModule(module.path, module.class_name, declared, module.path if known else None, is_list)
