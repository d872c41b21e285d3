"""In the child: input sets on which a model and edited copies of it run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onnx import ModelProto

from rewriter.runtime.inputs.feeds import Array
from rewriter.runtime.inputs.input import Input
from rewriter.runtime.ort.sessions import Session


@dataclass(frozen=True, slots=True)
class InputSets:
    """Fixed input sets of a model.

    Attributes:
        folder: the folder of the model's external weights; None for a model without any.
        inputs: its inputs.
        sets: the input sets.
    """

    folder: str | None
    inputs: tuple[Input, ...]
    sets: Sequence[Mapping[str, Array]]

    def session(self, model: ModelProto) -> Session:
        """Return a session of the model, or of an edited copy with the same inputs."""
        return Session(model.SerializeToString(), self.folder)

    def run(self, session: Session) -> Iterator[Sequence[Any]]:
        """Yield the outputs of a session for each input set."""
        return (session.run(self.inputs, feeds) for feeds in self.sets)
