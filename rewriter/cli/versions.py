"""`rewriter --version`: our own, and those of what a result may hang on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from rewriter.version import __version__

NEEDED = ("onnx", "onnxruntime", "numpy")
OPTIONAL = ("torch", "transformers", "onnx-graphsurgeon", "onnx-ir")


def versions() -> dict[str, str]:
    """Name -> version, ours first; nothing is imported.

    What is needed and missing is told, what is optional and missing is left out.
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
    """One line for each, as `--version` prints them."""
    return "\n".join(f"{name} {number}" for name, number in versions().items())
