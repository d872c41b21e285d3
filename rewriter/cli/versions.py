"""`rewriter --version`: the versions of rewriter, Python and the packages that results depend on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from rewriter.version import __version__

NEEDED = ("onnx", "onnxruntime", "numpy")
OPTIONAL = ("torch", "transformers", "onnx-graphsurgeon", "onnx-ir")


def versions() -> dict[str, str]:
    """Return name -> version, rewriter first, without importing the packages.

    A required package that is not installed is listed as missing; an optional one is left out.
    """
    found = {"rewriter": __version__, "python": platform.python_version()}
    for package in (*NEEDED, *OPTIONAL):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            if package in NEEDED:
                found[package] = "missing"
    return found


def version_lines() -> str:
    """Return the output of `--version`: one line per package."""
    return "\n".join(f"{name} {number}" for name, number in versions().items())
