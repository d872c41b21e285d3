"""Options of `rewriter.rewrite` in the configurations of other tools."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

from rewriter.api.functions import rewrite
from rewriter.basics.nearest import fits_nothing
from rewriter.basics.option_declaration import Option, options_of
from rewriter.errors import UsageError
from rewriter.options.write import RewriteOptions

_OF_PIPELINES = frozenset({"output", "sidecar", "copy_data", "dry_run"})
"""Options that a pipeline decides itself: which files are written, and where."""

PIPELINE_OPTIONS: tuple[Option, ...] = tuple(
    each
    for each in options_of(RewriteOptions)
    if each.name in signature(rewrite).parameters and each.name not in _OF_PIPELINES
)
"""The options of `rewrite` that the configuration of a pipeline may set."""


def rewrite_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Check and return keywords of `rewrite`, before a long export or pipeline runs.

    Raises:
        UsageError: `rewrite` does not have one of these keywords.
    """
    known = [name for name in signature(rewrite).parameters if name not in ("source", "output")]
    for name in options:
        if name not in known:
            raise UsageError(fits_nothing("option of rewrite", name, known))
    return dict(options)
