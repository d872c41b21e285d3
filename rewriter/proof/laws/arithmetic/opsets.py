"""The law of opsets: a new version of an operator that only admits more element types means the same.

Statement: a node of an older version in the list below equals the node of the newest one there.
Side conditions: the versions of one entry have the same inputs, attributes and results, and the same
semantics for the types that the older one admits; versions before 7 are left out, where inputs do not
broadcast.
Argument: the change logs of ONNX's operators. Kernels compute the same function of the same types.
"""

from __future__ import annotations

from dataclasses import replace

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Node

_ALIKE: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), (7, 13, 14)),
    **dict.fromkeys(
        ("Abs", "Neg", "Ceil", "Exp", "Floor", "Log", "Reciprocal", "Sigmoid", "Sqrt", "Tanh"), (6, 13)
    ),
    "Relu": (6, 13, 14),
    "Erf": (9, 13),
    "MatMul": (1, 9, 13),
    "Concat": (11, 13),
    "Gemm": (11, 13),
}


def _rewrite(node: Node, terms: Terms) -> int | None:
    alike = _ALIKE[node.operator]
    if node.version not in alike or node.version == alike[-1]:
        return None
    return terms.make(replace(node, version=alike[-1]))


OPSETS = Law("opsets", frozenset(_ALIKE), _rewrite)
