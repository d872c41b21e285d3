"""All kinds of formulas, in the order in which they are tried."""

from __future__ import annotations

from rewriter.checkpoints.content.old import OldWeights
from rewriter.checkpoints.content.rows import RowsOfKeys
from rewriter.checkpoints.content.same_elements import SameElements
from rewriter.checkpoints.formula import Formula
from rewriter.model.tensors import Array


class Kinds:
    """The kinds of formulas; an index of the checkpoint is built when a tensor first needs it."""

    def __init__(self, old: OldWeights) -> None:
        self._same = SameElements(old)
        self._rows = RowsOfKeys(old)

    def find(self, target: Array, *, weak: bool) -> list[Formula]:
        """Return the candidates of the first kind that has any.

        Args:
            target: the content of the tensor.
            weak: whether the tensor has few or equal elements, so that only equality is looked for.
        """
        return self._same.find(target) or ([] if weak else self._rows.find(target))
