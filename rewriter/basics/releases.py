"""Releases of packages: the installed release, and the order of releases."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version


def numbers_of(release: str) -> tuple[int, ...]:
    """Return the first three numbers of a release such as `1.31.1`, so that 1.9 sorts before 1.31."""
    return tuple(int(digits) for digits in re.findall(r"\d+", release)[:3])


@cache
def installed_release(module: str) -> str | None:
    """Return the version of the distribution of a module without importing it; None if not installed.

    Most distributions have the name of their module; `onnxruntime-gpu` does not.
    """
    try:
        return version(module)
    except PackageNotFoundError:
        return next((version(name) for name in packages_distributions().get(module, ())), None)
