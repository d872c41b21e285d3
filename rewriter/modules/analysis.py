"""Analysis: a model with its index, its module tree and the evidence for the tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from onnx import ModelProto

from rewriter.basics.display import Display
from rewriter.evidence.claims import Claim, ParameterClaim
from rewriter.evidence.witness_runner import Heard
from rewriter.model.index.graph import GraphIndex
from rewriter.model.undecodable_names import demand_text
from rewriter.modules.module_tree import ModuleTree

if TYPE_CHECKING:
    from rewriter.evidence.original.fit import LikeFit


@dataclass(frozen=True, slots=True, repr=False)
class Analysis(Display):
    """Model, its index, the claims of the witnesses, and the module tree settled from these claims.

    Attributes:
        path: the file of the model; None for a model in memory.
        claims: node -> every claim on it, the winner first.
        parameters: the claims on parameters in initializers, best witness first.
        notes: notes on the file as a whole and on given evidence, a line each.
        heard: the testimony of each witness and its time, in order of hearing.
        original: the fit of the given original; None without an original.
        is_text: whether the names are known to be UTF-8, so that `demand_text` need not read them.
        grouped: whether the file holds functions that `group` made; the index and the tree are then those of
            its flat form.
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
