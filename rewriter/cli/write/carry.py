"""`rewriter carry ORIGINAL M -o O`."""

from __future__ import annotations

from dataclasses import replace

from rewriter.cli.write.requests import request_of, rewrite_and_show
from rewriter.options.write import CarryOptions


def run(options: CarryOptions) -> None:
    """Write the tree of the original into a model made from it."""
    rewrite_and_show(options, replace(request_of(options), like=options.original))
