"""Imports the package of an engine."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from rewriter.errors import UsageError

AHEAD = 2
"""Number of files submitted per thread of Dask or CPU of Ray, so that no worker waits for its next file."""


def package(module: str, name: str) -> Any:
    """Return the module of an engine.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        extra = {"dask": "dask[distributed]", "ray": "ray[client]"}[name]
        raise UsageError(f"--engine {name} needs {module}; pip install '{extra}'") from None
