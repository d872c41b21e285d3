"""Checks the outcome that a pass reports against its type and against the model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from google.protobuf.message import EncodeError
from onnx import ModelProto

from rewriter.passes.base import Difference, InterfaceEdit, Outcome
from rewriter.refusals import Refusal

NOT_COUNTED = "uncounted changes"
"""The kind of change for a pass that changed the model but reported no change."""


def true_changes(changes: Mapping[str, int], *, changed: bool) -> Mapping[str, int]:
    """Return the changes that a pass reported, corrected by whether the model changed."""
    if not changed:
        return dict.fromkeys(changes, 0)
    return changes if any(changes.values()) else {**changes, NOT_COUNTED: 1}


def digest_of(model: ModelProto) -> bytes | None:
    """Return a digest that shows whether a model changed; None for a model too large to serialize."""
    try:
        return hashlib.blake2b(model.SerializeToString(deterministic=True)).digest()
    except (EncodeError, ValueError):
        return None


def fault_of_outcome(outcome: object) -> str | None:
    """Return the reason why an object is no outcome of a pass; None if it is one."""
    if not isinstance(outcome, Outcome):
        return f"run gives {type(outcome).__name__}, not an Outcome"
    counts = outcome.changes.items() if isinstance(outcome.changes, Mapping) else None
    if counts is None or not all(
        isinstance(what, str) and isinstance(count, int) and count >= 0 for what, count in counts
    ):
        return "changes of its Outcome do not map kinds of change to counts"
    if not _all_are(outcome.refusals, Refusal) or not _all_are(outcome.differences, Difference):
        return "refusals or differences of its Outcome have a wrong type"
    if not isinstance(outcome.interface, InterfaceEdit):
        return "interface of its Outcome is no InterfaceEdit"
    if not isinstance(outcome.copies, Mapping) or not all(
        isinstance(name, str) for pair in outcome.copies.items() for name in pair
    ):
        return "copies of its Outcome do not map names to names"
    return None


def _all_are(found: object, kind: type) -> bool:
    return isinstance(found, tuple) and all(isinstance(each, kind) for each in found)
