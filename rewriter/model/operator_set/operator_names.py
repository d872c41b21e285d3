"""The names of runtimes' operators, in all domains.

The list is a fixed file beside this one, and does not depend on installed packages: a model must give the
same output everywhere, and other versions of the runtimes will read that output. `python -m
benchmarks.operator_names` makes the list.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

PATH = Path(__file__).with_name("operator_names.json")
"""The list: domain -> names of its operators."""


@cache
def names() -> frozenset[str]:
    """Return the operator names of all domains; upper and lower case differ."""
    return frozenset(name for of_domain in _domains().values() for name in of_domain)


def domains_of_name(name: str) -> tuple[str, ...]:
    """Return the domains with an operator of a name."""
    return tuple(domain for domain, of_domain in _domains().items() if name in of_domain)


@cache
def _domains() -> dict[str, list[str]]:
    domains: dict[str, list[str]] = json.loads(PATH.read_text(encoding="utf-8"))
    return domains
