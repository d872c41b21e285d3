"""Our own passes. A new one stands in a file of its own in `passes/`, and in this list."""

from __future__ import annotations

from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.flatten import Flatten
from rewriter.passes.group import Group
from rewriter.passes.layer_annotations import LayerAnnotations
from rewriter.passes.restore_names import RestoreNames
from rewriter.passes.share import Share
from rewriter.passes.unshare import Unshare

PASSES: tuple[type[Pass], ...] = (
    Annotate,
    RestoreNames,
    Unshare,
    Group,
    Share,
    LayerAnnotations,
    Flatten,
)
"""Every pass of our own, in recommended order."""

OWN = frozenset(each.name for each in PASSES)
"""Their names."""
