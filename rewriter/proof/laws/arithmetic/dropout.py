"""The law of Dropout: in inference it does nothing.

Statement: Dropout(x) = x.
Side conditions: the node cannot train: it has no input `training_mode`, and in opsets below 7 `is_test` is
set. Nodes that may train count separately, and no law sees them. The mask is not read.
Argument: ONNX defines the result so, for every ratio, shape and element.
"""

from __future__ import annotations

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Node

_INPUTS = 2


def _rewrite(node: Node, terms: Terms) -> int | None:
    if node.operator == "Dropout":
        return node.inputs[0] if len(node.inputs) <= _INPUTS else None
    whole = terms.node(node.inputs[0], "Dropout")
    if whole is None or node.value("") != 0 or len(whole.inputs) > _INPUTS:
        return None
    return whole.inputs[0]


DROPOUT = Law("dropout", frozenset({"Dropout", "output"}), _rewrite)
