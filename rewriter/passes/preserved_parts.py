"""The parts of a model that passes require and preserve, and an analysis that knows its stale parts.

The idea is that of LLVM's `PreservedAnalyses`: a pass names the parts of a model that it preserves, and the
model is analysed again only if a later pass requires a changed part.
"""

from __future__ import annotations

from collections.abc import Set
from enum import StrEnum
from typing import NoReturn

from rewriter.errors import StaleAnalysis
from rewriter.modules.analysis import Analysis


class Part(StrEnum):
    """Part of a model."""

    NAMES = "names"
    """The names of nodes, values and initializers."""
    NODES = "nodes"
    """The nodes and their order, with operators, attributes, inputs and outputs."""
    METADATA = "metadata"
    """Metadata entries of nodes, tensors, functions and the model, and doc strings.

    Entries from which `flatten` restores the flat graph do not count: no tree is made from them.
    """
    FUNCTIONS = "functions"
    """The local functions."""
    TYPES = "types"
    """The stated types of values: `value_info` and the interface."""


EVERYTHING: frozenset[Part] = frozenset(Part)
ALL_BUT_METADATA = EVERYTHING - {Part.METADATA}
"""The parts that a pass preserves if it only writes or removes metadata."""
TREE = frozenset({Part.NAMES, Part.NODES, Part.METADATA})
"""The parts from which the module tree is made."""
INDEX = frozenset({Part.NAMES, Part.NODES})
"""The parts from which the index is made, except the metadata keys in it."""


def fault_of_contract(step: object) -> str | None:
    """Return the fault in the contract of a pass or of its class; None if the contract is complete."""
    for declared in ("requires", "preserves"):
        parts = getattr(step, declared, None)
        if not isinstance(parts, frozenset) or not parts <= EVERYTHING:
            return f"has no {declared}, a frozenset of rewriter.Part"
    return None


class PartialAnalysis(Analysis):
    """Analysis of a model that has changed in part: reading a result that depends on a change is an error.

    `model`, `path` and `demand_text` are always current.

    Args:
        whole: the analysis, as it was made.
        changed: the parts that changed.

    Raises:
        StaleAnalysis: a result was read that depends on a changed part.
    """

    __slots__ = ("_changed", "_whole")
    _whole: Analysis
    _changed: Set[Part]

    def __init__(self, whole: Analysis, changed: Set[Part]) -> None:
        for name, value in (("model", whole.model), ("path", whole.path), ("is_text", False)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_whole", whole)
        object.__setattr__(self, "_changed", changed)

    def __getattribute__(self, name: str) -> object:
        needed = _MADE_FROM.get(name)
        if needed is None:
            return object.__getattribute__(self, name)
        if gone := needed & object.__getattribute__(self, "_changed"):
            _refuse(name, gone)
        return getattr(object.__getattribute__(self, "_whole"), name)


_MADE_FROM = {
    "graph": INDEX,
    **dict.fromkeys(("tree", "claims", "parameters", "notes", "heard", "original", "grouped"), TREE),
}


def _refuse(name: str, gone: Set[Part]) -> NoReturn:
    parts = " and ".join(sorted(gone))
    declared = ", ".join(f"Part.{part.name}" for part in sorted(_MADE_FROM[name]))
    raise StaleAnalysis(
        f"analysis.{name} was made before an earlier pass changed the {parts} of the model; declare "
        f"requires = frozenset({{{declared}}}) to get it anew"
    )
