"""Evidence that users give in addition to the file. Each kind adds a witness in `settle`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the readers of such evidence are loaded only when it is given
    from rewriter.evidence.checkpoint.hashes import Checkpoint
    from rewriter.evidence.original.witness import Like
    from rewriter.evidence.reference.module_list import Reference
    from rewriter.evidence.trace.recording import Trace, Tracer


@dataclass(frozen=True, slots=True)
class Given:
    """Evidence given with a model.

    Attributes:
        like: the model that this one was made from, with its tree.
        forced: whether the tree of `like` is used even if `like` does not fit.
        references: possible sources of the model; the one that fits best counts.
        checkpoint: a checkpoint with the parameters of the model.
        trace: recordings of the module on sample inputs, or a function that records it on drawn inputs.
        found: whether the tool itself found the references; it is then no error if none fits.
        remarks: notes on the given evidence for users, a line each.
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
        """Whether the user gave evidence; references found beside the model do not count."""
        asked_for = bool(self.references) and not self.found
        return asked_for or any(each is not None for each in (self.like, self.checkpoint, self.trace))


NOTHING = Given()
