"""Keys of a state dict that a file does not give, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rewriter.paths import ModulePath


class Absence(StrEnum):
    """Reason why a key of the state dict is not in the file."""

    TIED = "tied"
    """Another key has the same tensor."""
    FOLDED = "folded"
    """Something was computed from it before the export."""
    COUNTER = "counter"
    """It counts steps of training."""
    UNREAD = "unread"
    """No name shows a tensor of it: nothing computes with it, or it is in a tensor of another name."""
    NOT_EXACT = "not exact"
    """A tensor of the file holds it, but not in a form that gives it back."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A key of the state dict that the file does not give.

    Attributes:
        key: the key.
        absence: the reason.
        of: the key with the same tensor, the computation, or what the tensor holds; '' for none.
    """

    key: ModulePath
    absence: Absence
    of: str = ""
