"""Adapters for other people's pipelines: one module per library, which is imported with its module.

    rewriter.adapters.torch          export a module, and give the file the tree of the module
    rewriter.adapters.onnx_ir        a pass for `onnx_ir.passes`
    rewriter.adapters.graphsurgeon   edits with onnx-graphsurgeon that lose nothing
    rewriter.adapters.olive          a pass for Olive
    rewriter.adapters.onnxruntime    modules for its quantisers

Objects of these libraries go into `rewriter.rewrite` and come out of it without any of this; see
`rewriter.api.foreign`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rewriter.adapters import graphsurgeon, olive, onnx_ir, onnxruntime, torch

__all__ = ["graphsurgeon", "olive", "onnx_ir", "onnxruntime", "torch"]

_EXTRAS = {"graphsurgeon": "graphsurgeon", "olive": "olive", "onnx_ir": "torch", "torch": "torch"}
"""Adapter -> the extra that brings its library."""


def __getattr__(name: str) -> object:
    """Load an adapter on first use (PEP 562).

    Raises:
        ModuleNotFoundError: its library is not installed.
    """
    if name not in __all__:
        raise AttributeError(f"module 'rewriter.adapters' has no attribute {name!r}")
    try:
        return import_module(f"rewriter.adapters.{name}")
    except ModuleNotFoundError as error:
        if name not in _EXTRAS or (error.name or "rewriter").startswith("rewriter"):
            raise
        extra = f"pip install 'onnx-module-rewriter[{_EXTRAS[name]}]'"
        raise ModuleNotFoundError(
            f"rewriter.adapters.{name} needs {error.name}: {extra}", name=error.name
        ) from None


def __dir__() -> list[str]:
    """The adapters."""
    return __all__
