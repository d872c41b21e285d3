"""What passes read and what they leave as it was, and an analysis that tells when it no longer holds.

The idea is that of LLVM's `PreservedAnalyses`: a pass names the parts of a model that it leaves alone, and
the model is analysed anew only where the next pass reads what changed.
"""

from __future__ import annotations

from collections.abc import Set
from enum import StrEnum
from typing import NoReturn

from rewriter.modules.analysis import Analysis
from rewriter.refusals import StaleAnalysis


class Part(StrEnum):
    """A part of a model."""

    NAMES = "names"
    """The names of nodes, values and initializers."""
    NODES = "nodes"
    """Which nodes there are and where, with their operators, attributes, inputs and outputs."""
    METADATA = "metadata"
    """What entries say of nodes, tensors, functions and the model, and doc strings."""
    FUNCTIONS = "functions"
    """The local functions."""
    TYPES = "types"
    """What the model states of the types of values, `value_info` and the interface."""


EVERYTHING: frozenset[Part] = frozenset(Part)
ALL_BUT_METADATA = EVERYTHING - {Part.METADATA}
"""What a pass preserves that writes or takes out entries alone."""
TREE = frozenset({Part.NAMES, Part.NODES, Part.METADATA})
"""What the module tree is made from."""
INDEX = frozenset({Part.NAMES, Part.NODES})
"""What the index is made from, but for the keys of metadata in it."""


def fault_of_contract(step: object) -> str | None:
    """Why a pass, or its class, does not say what it reads and what it leaves alone; None where it does."""
    for declared in ("requires", "preserves"):
        parts = getattr(step, declared, None)
        if not isinstance(parts, frozenset) or not parts <= EVERYTHING:
            return f"has no {declared}, a frozenset of rewriter.Part"
    return None


class PartialAnalysis(Analysis):
    """An analysis of a model of which parts have changed since: what depends on them is not handed out.

    `model`, `path` and `demand_text` are always current.

    Args:
        whole: the analysis, as it was made.
        changed: the parts that changed.

    Raises:
        StaleAnalysis: on reading what depends on these.
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
