"""The torch module and sample inputs that an exported fixture was made from, with the weights of its file."""

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
    """Ends a make.py where it would export."""

    def __init__(self, module: nn.Module, inputs: Mapping[str, Tensor], options: Any) -> None:
        super().__init__()
        self.module, self.inputs, self.options = module, inputs, options


def rebuild(name: str) -> tuple[nn.Module, Mapping[str, Tensor], Any]:
    """Module, inputs by name and options, just as `fixtures.making.make` gets and prepares them."""

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
