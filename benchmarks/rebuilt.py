"""Rebuilds the torch module and the sample inputs of an exported fixture, with the weights of its file."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fixtures import making

FIXTURES = Path(__file__).parent.parent / "fixtures" / "exports"


class _Made(Exception):
    """Raised to end a make.py before it exports."""

    def __init__(self, module: nn.Module, inputs: Mapping[str, Tensor], options: Any) -> None:
        super().__init__()
        self.module, self.inputs, self.options = module, inputs, options


def rebuild(name: str) -> tuple[nn.Module, Mapping[str, Tensor], Any]:
    """Return module, inputs by name and options, as `fixtures.making.make` receives and prepares them."""

    def capture(make_py: str, module: nn.Module, inputs: Mapping[str, Tensor], options: Any = None) -> None:
        raise _Made(module, inputs, options or making.Options())

    original = making.make
    making.make = capture
    try:
        sys.modules.pop(f"fixtures.exports.{name}.make", None)
        torch.manual_seed(20)
        importlib.import_module(f"fixtures.exports.{name}.make").run()
    except _Made as made:
        making.randomise(made.module)
        return made.module, made.inputs, made.options
    finally:
        making.make = original
    raise AssertionError(f"{name}: make.py made nothing")
