"""The passes of this package. A new pass gets a file of its own in `passes/`, and an entry in this list."""

from __future__ import annotations

from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.embed import Embed
from rewriter.passes.flatten import Flatten
from rewriter.passes.group import Group
from rewriter.passes.layer_annotations import LayerAnnotations
from rewriter.passes.restore_names import RestoreNames
from rewriter.passes.share import Share
from rewriter.passes.sort import Sort
from rewriter.passes.unshare import Unshare

PASSES: tuple[type[Pass], ...] = (
    Sort,
    Annotate,
    RestoreNames,
    Unshare,
    Group,
    Share,
    Embed,
    LayerAnnotations,
    Flatten,
)
"""Every pass of this package, in recommended order."""

OWN = frozenset(each.name for each in PASSES)
"""The names of these passes."""
