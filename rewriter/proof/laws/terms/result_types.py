"""Shapes of results: what follows from the shapes of the inputs if the node runs at all.

Nothing that a file declares for values inside counts, so a wrong `value_info` misleads no law.
"""

from __future__ import annotations

from rewriter.proof.laws.terms.broadcasting import Open, broadcast
from rewriter.proof.laws.terms.element_types import element_of
from rewriter.proof.laws.terms.shape_rules import RULES
from rewriter.proof.laws.terms.sizes import Dims, number
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import ABSENT, Node

POINTWISE = frozenset(
    [
        "Abs",
        "Acos",
        "Acosh",
        "Asin",
        "Asinh",
        "Atan",
        "Atanh",
        "BitwiseNot",
        "Cast",
        "Ceil",
        "Celu",
        "Clip",
        "Cos",
        "Cosh",
        "Elu",
        "Erf",
        "Exp",
        "Floor",
        "Gelu",
        "HardSigmoid",
        "HardSwish",
        "IsInf",
        "IsNaN",
        "LeakyRelu",
        "Log",
        "Mish",
        "Neg",
        "Not",
        "Reciprocal",
        "Relu",
        "Round",
        "Selu",
        "Sigmoid",
        "Sign",
        "Sin",
        "Sinh",
        "Softplus",
        "Softsign",
        "Sqrt",
        "Tan",
        "Tanh",
        "ThresholdedRelu",
    ]
)
"""Operators that compute each element from one element of the first input."""

_SAME_SHAPE = POINTWISE | frozenset(
    [
        "BatchNormalization",
        "CumSum",
        "Dropout",
        "Hardmax",
        "InstanceNormalization",
        "LayerNormalization",
        "GroupNormalization",
        "LogSoftmax",
        "LpNormalization",
        "LRN",
        "RMSNormalization",
        "Softmax",
        "Trilu",
    ]
)
BROADCAST = frozenset(
    [
        "Add",
        "And",
        "BitAnd",
        "BitwiseAnd",
        "BitwiseOr",
        "BitwiseXor",
        "Div",
        "Equal",
        "Greater",
        "GreaterOrEqual",
        "Less",
        "LessOrEqual",
        "Max",
        "Mean",
        "Min",
        "Mod",
        "Mul",
        "Or",
        "PRelu",
        "Pow",
        "Sub",
        "Sum",
        "Where",
        "Xor",
    ]
)
_UNBROADCAST = 7
"""The opset from which binary operators broadcast as numpy does."""


def infer(node: Node, terms: Terms) -> tuple[int, Open | None] | None:
    """Return element type and shape of the only result of a node; None if it is unknown."""
    if (element := element_of(node, terms)) is None:
        return None
    return element, shape_of(node, terms)


def shape_of(node: Node, terms: Terms) -> Open | None:
    """Return the shape of the only result of a node; None if not even the rank is known."""
    if node.operator in ("sizes", "size"):
        return (number(len(node.value(""))),) if node.operator == "sizes" else ()
    if node.operator in ("view", "expand"):
        dims: Dims = node.value("")
        return dims
    if node.operator in BROADCAST:
        if 0 < node.version < _UNBROADCAST:
            return None
        return broadcast([terms.dims(each) for each in node.inputs if each != ABSENT])
    first = terms.dims(node.inputs[0]) if node.inputs and node.inputs[0] != ABSENT else None
    if node.operator in _SAME_SHAPE or first is None:
        return first
    rule = RULES.get(node.operator)
    return None if rule is None else rule(node, first, terms)
