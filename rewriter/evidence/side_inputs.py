"""Evidence that users give with a model, beyond the file. Each kind is one more witness in `settle`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the code that reads and compares these is loaded when they are given
    from rewriter.evidence.checkpoint.hashes import Checkpoint
    from rewriter.evidence.original.witness import Like
    from rewriter.evidence.reference.module_list import Reference
    from rewriter.evidence.trace.recording import Trace, Tracer


@dataclass(frozen=True, slots=True)
class Given:
    """Evidence given with a model.

    Attributes:
        like: the model that this one was made from, with its tree.
        forced: whether its tree is carried over even if it does not fit.
        references: possible sources of the model; the one that fits best counts.
        checkpoint: the contents of its parameters.
        trace: recordings of the module on sample inputs, or a function that makes them on drawn inputs.
        found: whether the references were found and not asked for; then it is no fault if none fits.
        remarks: notes on all this for users, a line each.
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
        """Whether the user gave any of it, rather than a file found beside the model."""
        asked_for = bool(self.references) and not self.found
        return asked_for or any(each is not None for each in (self.like, self.checkpoint, self.trace))


NOTHING = Given()
