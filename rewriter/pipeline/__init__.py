"""The work of verbs, from the file to the result: load, rewrite and verify, compare, examine, time.

Each module is imported on first use: a verb that only reads imports no prover.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.basics.lazy import names_of

if TYPE_CHECKING:
    from rewriter.pipeline.comparison import diff
    from rewriter.pipeline.diagnosis import diagnose
    from rewriter.pipeline.half_precision import precision
    from rewriter.pipeline.loader import (
        Inputs,
        Progress,
        Source,
        load,
        load_flat,
        load_sorted,
        read_and_load,
        read_like,
        read_model,
    )
    from rewriter.pipeline.options import Options
    from rewriter.pipeline.proof import verify
    from rewriter.pipeline.rewrite_run import MOST_FUNCTIONS, rewrite
    from rewriter.pipeline.timing import profile
    from rewriter.pipeline.torch_comparison import diff_with_module

__all__ = [
    "MOST_FUNCTIONS",
    "Inputs",
    "Options",
    "Progress",
    "Source",
    "diagnose",
    "diff",
    "diff_with_module",
    "load",
    "load_flat",
    "load_sorted",
    "precision",
    "profile",
    "read_and_load",
    "read_like",
    "read_model",
    "rewrite",
    "verify",
]

_HOME = {
    **dict.fromkeys(
        ("Inputs", "Progress", "Source", "load", "load_flat", "load_sorted", "read_and_load"),
        "loader",
    ),
    **dict.fromkeys(("read_like", "read_model"), "loader"),
    **dict.fromkeys(("MOST_FUNCTIONS", "rewrite"), "rewrite_run"),
    "Options": "options",
    "diagnose": "diagnosis",
    "diff": "comparison",
    "diff_with_module": "torch_comparison",
    "precision": "half_precision",
    "profile": "timing",
    "verify": "proof",
}


__getattr__ = names_of(__name__, _HOME)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
