"""Loads public names of a package on first use (PEP 562), so that importing the package is fast."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def names_of(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Return the `__getattr__` of a package.

    Args:
        package: the `__name__` of the package.
        homes: public name -> the module that defines it, relative to the package: `.schemas` lies beside it.
    """

    def load(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found: object = getattr(import_module(f".{homes[name]}", package), name)
        vars(sys.modules[package])[name] = found
        return found

    return load
