"""What users give beside a model: evidence that no file holds. Each kind is one more witness in `settle`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what reads and compares these is loaded where they are given
    from rewriter.evidence.checkpoint import Checkpoint
    from rewriter.evidence.like import Like
    from rewriter.evidence.recording import Trace, Tracer
    from rewriter.evidence.reference import Reference


@dataclass(frozen=True, slots=True)
class Given:
    """Evidence given beside a model.

    Attributes:
        like: the model that this one was made of, with its tree.
        forced: whether its tree is carried over even if it does not fit.
        references: what the model may have been built from; the one that fits best counts.
        checkpoint: the contents of its parameters.
        trace: what its module did on sample inputs, or what runs it on inputs drawn for the file.
        found: whether nobody asked for the references; then it is no fault where none fits.
        remarks: what to say of all this, a line each.
    """

    like: Like | None = None
    references: tuple[Reference, ...] = ()
    checkpoint: Checkpoint | None = None
    trace: Trace | Tracer | None = None
    found: bool = False
    remarks: tuple[str, ...] = ()
    forced: bool = False

    @property
    def asked(self) -> bool:
        """Whether the user gave any of it, rather than a file that lay there."""
        asked_for = bool(self.references) and not self.found
        return asked_for or any(each is not None for each in (self.like, self.checkpoint, self.trace))


NOTHING = Given()
