"""Selects modules for onnxruntime's quantisers, which take node names.

    rewriter.rewrite("bert.onnx", "named.onnx", restore_names=True)
    quantize_dynamic("named.onnx", "int8.onnx", **excluding("named.onnx", "pooler"))

This module does not need onnxruntime.
"""

from __future__ import annotations

import warnings
from pathlib import Path

from rewriter.api.foreign_models import AnySource, read_of
from rewriter.insight.selected_names import choose, demand_names
from rewriter.modules.selection import Selection
from rewriter.pipeline import load


def excluding(
    source: AnySource,
    *modules: str,
    class_name: str | tuple[str, ...] = (),
    operators: tuple[str, ...] = (),
    inferred: bool = False,
) -> dict[str, list[str]]:
    """Return keywords that make `quantize_dynamic` and `quantize_static` skip modules.

    Warnings count nodes that names cannot select: nodes without a name (`restore_names=True` names them),
    nodes that share a name, nodes inside functions.

    Args:
        source: the model that will be quantised.
        modules: globs over module paths; a module includes all modules below it.
        class_name: only modules whose class matches this glob, or one of several globs.
        operators: only nodes whose operator matches one of these globs.
        inferred: whether `class_name` also matches the inferred class of a module, which is a guess.

    Returns:
        `{"nodes_to_exclude": [...]}`.

    Raises:
        UnreadableModel: the source is not a complete ONNX model.
        UsageError: a glob matches nothing, or the matching nodes have no names.
    """
    analysis = load(read_of(source))
    chosen = choose(analysis, Selection(modules, class_name, operators=operators, inferred=inferred))
    demand_names(analysis, chosen)
    for note in chosen.notes:
        warnings.warn(f"{source if isinstance(source, str | Path) else 'model'}: {note}", stacklevel=2)
    return {"nodes_to_exclude": list(chosen.names)}
