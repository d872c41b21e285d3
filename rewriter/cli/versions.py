"""`rewriter --version`: our version, and those of the packages that a result may depend on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from rewriter.version import __version__

NEEDED = ("onnx", "onnxruntime", "numpy")
OPTIONAL = ("torch", "transformers", "onnx-graphsurgeon", "onnx-ir")


def versions() -> dict[str, str]:
    """Name -> version, ours first; imports none of the packages.

    A missing required package is listed as missing, a missing optional one is left out.
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
    """One line per package, as `--version` prints them."""
    return "\n".join(f"{name} {number}" for name, number in versions().items())
