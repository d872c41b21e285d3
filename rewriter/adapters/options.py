"""Keywords of `rewriter.rewrite` that other people's configurations hold."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

from rewriter.api import rewrite
from rewriter.nearest import fits_nothing
from rewriter.refusals import UsageError


def rewrite_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords, as soon as they are given: an export or a pipeline runs long before they are used.

    Raises:
        UsageError: one of them is no keyword of `rewrite`.
    """
    known = [name for name in signature(rewrite).parameters if name not in ("source", "output")]
    for name in options:
        if name not in known:
            raise UsageError(fits_nothing("option of rewrite", name, known))
    return dict(options)
