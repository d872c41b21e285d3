"""Formulas found by content: the tensors of a model as functions of the checkpoint that was exported."""

from rewriter.checkpoints.content.find import FoundFormulas, find_formulas
from rewriter.checkpoints.content.old import Old

__all__ = ["FoundFormulas", "Old", "find_formulas"]
