"""Analysis: one model with all that was found out about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto

from rewriter.display import Display
from rewriter.evidence.claim import Claim, ParameterClaim
from rewriter.evidence.hearing import Heard
from rewriter.evidence.like_fit import LikeFit
from rewriter.model.graph import GraphIndex
from rewriter.model.text import demand_text
from rewriter.modules.module import ModuleTree


@dataclass(frozen=True, slots=True, repr=False)
class Analysis(Display):
    """A model, its index, what the witnesses said and the tree that was settled from it.

    Attributes:
        path: the file the model was read from; None for a model handed over in memory.
        claims: node -> every claim on it, the winner first.
        parameters: what is known of the initializers, best claim per initializer.
        notes: what witnesses have to say of the file as a whole, a line each.
        heard: what each witness said, and how long that took.
        original: how far the original fits that was given; None where none was.
        is_text: whether every name of the model is known to be text, see `model.text.demand_text`.
        grouped: whether the file holds functions that `group` made, and this is what it looks like flat.
    """

    model: ModelProto
    path: Path | None
    graph: GraphIndex
    claims: Sequence[tuple[Claim, ...]]
    parameters: tuple[ParameterClaim, ...]
    tree: ModuleTree
    notes: tuple[str, ...] = ()
    heard: tuple[Heard, ...] = ()
    grouped: bool = False
    original: LikeFit | None = None
    is_text: bool = False

    def demand_text(self) -> None:
        """Refuse a model whose nodes and values cannot be moved and renamed.

        Raises:
            UnreadableModel: some name is not UTF-8.
        """
        if not self.is_text:
            demand_text(self.model)

    def _brief(self) -> str:
        return f"{self.path or 'model in memory'}: {self.tree.brief}"
