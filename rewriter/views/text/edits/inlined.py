"""Tells that an edit inlined the functions of earlier runs."""

from __future__ import annotations

from rich.console import Console

from rewriter.views.text.parts import flow


def print_inlined(console: Console, *, made: bool) -> None:
    """Print that functions were inlined, if earlier runs had made any."""
    if made:
        flow(console, ["functions that rewrite or replace had made were inlined"], label="flat")
