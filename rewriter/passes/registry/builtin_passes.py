"""The passes of this package. A new pass gets a file of its own, and an entry in one of these lists.

Most passes are in `passes/`. A pass that cuts or infers types as `cutting/` does is in the higher room
`edits/`, which this module must not import: it is found by name, as the passes of other packages are.
"""

from __future__ import annotations

from importlib import import_module

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

_IN_EDITS = {"tap": "Tap", "untap": "Untap", "drop": "Drop"}
"""Module in `edits/` -> the pass in it."""


def _in_edits(module: str, name: str) -> type[Pass]:
    found: type[Pass] = getattr(import_module(f"rewriter.edits.{module}"), name)
    return found


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
    *(_in_edits(module, name) for module, name in _IN_EDITS.items()),
)
"""Every pass of this package, in recommended order."""

OWN = frozenset(each.name for each in PASSES)
"""The names of these passes."""
