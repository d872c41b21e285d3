"""The lists of passes behind plain options."""

from __future__ import annotations

from enum import StrEnum

from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.group import Group
from rewriter.passes.layer_annotations import LayerAnnotations
from rewriter.passes.restore_names import RestoreNames
from rewriter.passes.share import Share
from rewriter.passes.unshare import Unshare


class Functions(StrEnum):
    """What functions to make."""

    NONE = "none"
    """None: annotate only."""
    CALL = "call"
    """One for every call of a module."""
    SHARED = "shared"
    """One for every distinct body."""


def standard_passes(
    functions: Functions = Functions.NONE,
    group: Group | None = None,
    *,
    restore_names: bool = False,
    layer_annotations: bool = False,
) -> tuple[Pass, ...]:
    """The passes of a plain rewrite, in their order.

    Args:
        functions: what functions to make.
        group: which modules get functions; all where None.
        restore_names: whether nodes and weights get the names they lost.
        layer_annotations: whether nodes bear their module for onnxruntime's annotated partitioning.
    """
    steps: list[Pass] = [Annotate()]
    if restore_names:
        steps.append(RestoreNames())
    if functions is not Functions.NONE:
        steps += [Unshare(), group or Group()]
    if functions is Functions.SHARED:
        steps.append(Share())
    if layer_annotations:
        steps.append(LayerAnnotations())
    return tuple(steps)
