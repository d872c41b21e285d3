"""Rules by which witnesses place nodes, and the certainty of each.

`benchmarks/certainty.py` measures the precision of the rules, also in files that no rule was made for. A rule
that finds exactly the right module for 98 % of its nodes infers; any other rule guesses.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Certainty(StrEnum):
    """Certainty of a placement."""

    __hash__ = str.__hash__  # Enum.__hash__ is slow Python code, and every node needs a look-up

    NAMED = "named"
    """Text in the file, or in an original that the user gave, names the module."""
    INFERRED = "inferred"
    """A rule that is right for 98 % of its nodes or more shows the module."""
    GUESSED = "guessed"
    """A rule that is right less often, or that was not measured, suggests the module."""


def weakest(found: Iterable[Certainty]) -> Certainty:
    """Return the lowest of some certainties; `NAMED` for none."""
    return max(found, key=list(Certainty).index, default=Certainty.NAMED)


class PlacementRule(StrEnum):
    """Rule by which a witness places a node. Users see the text in `explain`."""

    __hash__ = str.__hash__

    TEXT = "text names the module"
    DOUBTFUL = "a scope without a weight, beside scopes that lack names of containers"
    CORRECTED = "weights correct the recorded stack"
    UNRECORDED = "weights name a module that no stack has"
    AMID_UNRECORDED = "between nodes of a module that no stack has"
    FOLDED = "a norm was folded in, and a weight names the module"
    OWN_WEIGHT = "only reader of a named weight"
    FUNCTIONAL = "only reader of a weight whose module is inside one with weights of its own"
    ATTENTION = "reader of the last projection of an attention, which is no call"
    TIED = "multiplies by the transpose of a table with the name of the module"
    SHARED_WEIGHT = "one of several readers of a named weight"
    DEQUANTISED = "only reader of a dequantised weight with a name"
    VARIABLE = "only reader of a variable of TensorFlow"
    CONTENT = "reader of a weight of the checkpoint"
    MATCHED = "computes a value of the trace"
    ENCLOSED = "between values of the trace"
    REPLACES = "replaces nodes of one module of the original"
    REPLACES_SEVERAL = "replaces nodes of several modules of the original"
    FUSED = "fused from several nodes"
    PART = "part of a replaced node"
    FOLLOWS = "restores the layout or type of a value"
    NUMBER = "number missing between two siblings"
    NORM = "arithmetic that leads to the scale of a norm"
    STEP = "same torch operator as a placed node"
    STEPS_AROUND = "operators around it, in a file without scopes"
    CONSTANT = "constant for one module"
    WITHIN = "reads from one module and feeds it"
    QUANTISES = "quantises for one module"
    READERS = "readers of its results"
    COPIED = "copied by unshare for its readers"
    MOVED = "moved by unshare to its readers"
    EARLIER_INFERENCE = "inferred before, by an earlier run or in the original"
    EARLIER_GUESS = "guessed before, by an earlier run or in the original"

    @property
    def certainty(self) -> Certainty:
        """The certainty of a placement by this rule."""
        return _CERTAINTY[self]


_NAMES = frozenset({PlacementRule.TEXT})
_INFERS = frozenset(
    {
        PlacementRule.CORRECTED,
        PlacementRule.FOLDED,
        PlacementRule.OWN_WEIGHT,
        PlacementRule.ATTENTION,
        PlacementRule.TIED,
        PlacementRule.CONTENT,
        PlacementRule.MATCHED,
        PlacementRule.ENCLOSED,
        PlacementRule.REPLACES,
        PlacementRule.PART,
        PlacementRule.NUMBER,
        PlacementRule.NORM,
        PlacementRule.STEP,
        PlacementRule.CONSTANT,
        PlacementRule.WITHIN,
        PlacementRule.QUANTISES,
        PlacementRule.COPIED,
        PlacementRule.EARLIER_INFERENCE,
    }
)
_CERTAINTY = {
    rule: Certainty.NAMED if rule in _NAMES else Certainty.INFERRED if rule in _INFERS else Certainty.GUESSED
    for rule in PlacementRule
}
