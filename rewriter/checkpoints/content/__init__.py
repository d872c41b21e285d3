"""Formulas found by content: the tensors of a model as functions of the checkpoint that was exported."""

from rewriter.checkpoints.content.find import Found, find_formulas
from rewriter.checkpoints.content.old import Old

__all__ = ["Found", "Old", "find_formulas"]
