"""`rewriter rewrite M -o O`."""

from __future__ import annotations

from rewriter.cli.write.requests import request_of, rewrite_and_show
from rewriter.options.write import RewriteOptions


def run(options: RewriteOptions) -> None:
    """Write the tree into a copy of the model."""
    rewrite_and_show(options, request_of(options))
