"""Adapters for other libraries: one module per library.

Importing an adapter imports its library; only the adapter for onnxruntime does not need its library.

    rewriter.adapters.torch          export a torch module, and write its module tree into the file
    rewriter.adapters.onnx_ir        a pass for `onnx_ir.passes`
    rewriter.adapters.graphsurgeon   edits with onnx-graphsurgeon that keep all other fields of the file
    rewriter.adapters.olive          a pass for Olive
    rewriter.adapters.onnxruntime    select modules for onnxruntime's quantisers

`rewriter.rewrite` itself takes and returns models of torch.onnx, onnx_ir and onnx_graphsurgeon, without an
adapter; see `rewriter.api.foreign_models`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rewriter.adapters import graphsurgeon, olive, onnx_ir, onnxruntime, torch

__all__ = ["graphsurgeon", "olive", "onnx_ir", "onnxruntime", "torch"]

_EXTRAS = {"graphsurgeon": "graphsurgeon", "olive": "olive", "onnx_ir": "torch", "torch": "torch"}
"""Adapter -> the extra of this package that installs its library."""


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
    """Return the names of the adapters."""
    return __all__
