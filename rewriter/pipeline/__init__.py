"""What verbs do, from the file to the result: load, rewrite and verify, compare, time."""

from rewriter.pipeline.comparing import diff
from rewriter.pipeline.loading import Inputs, Progress, Source, load, read_and_load, read_like, read_model
from rewriter.pipeline.options import Options
from rewriter.pipeline.proving import verify
from rewriter.pipeline.rewriting import MOST_FUNCTIONS, rewrite, sidecar_path
from rewriter.pipeline.timing import profile

__all__ = [
    "MOST_FUNCTIONS",
    "Inputs",
    "Options",
    "Progress",
    "Source",
    "diff",
    "load",
    "profile",
    "read_and_load",
    "read_like",
    "read_model",
    "rewrite",
    "sidecar_path",
    "verify",
]
