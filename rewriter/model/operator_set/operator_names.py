"""The names of runtimes' operators, in any domain.

A fixed list beside this file, not the lists of installed packages: the same file has to give the same
output everywhere, and is used by other versions too. `python -m benchmarks.operator_names` makes it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

PATH = Path(__file__).with_name("operator_names.json")
"""Domain -> names of its operators."""


@cache
def names() -> frozenset[str]:
    """All names, of all domains; case counts."""
    domains: dict[str, list[str]] = json.loads(PATH.read_text(encoding="utf-8"))
    return frozenset(name for of_domain in domains.values() for name in of_domain)
