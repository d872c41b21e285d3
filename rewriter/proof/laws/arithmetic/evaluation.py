"""The law of evaluation: a node whose inputs are constants equals the constant that it computes.

Statement: op(c1, ..., cn) = c for every operator of ai.onnx that draws no random numbers and has one
result.
Side conditions: the caller handed in c, after onnxruntime and onnx's reference evaluator had both computed
it, with the same bits. Without that the node stays a node, and the caller is told that its value is
wanted.
Argument: assumption 1 of the certificate: an operator gives equal bits for equal inputs. Two independent
implementations that agree bit for bit leave no choice of rounding to a third that is correct.

The law of rounded evaluation is the same for values that are at most 4 ulp apart. Then the node equals the
one of the two that a file holds, first that of onnxruntime.
"""

from __future__ import annotations

from onnx import AttributeProto

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.terms.constants import Content
from rewriter.proof.laws.terms.sizes import product
from rewriter.proof.laws.terms.store import ANY, Terms
from rewriter.proof.laws.terms.term import ABSENT, KNOWN, Node

_MOST = 1 << 24
"""Maximum number of elements of an evaluated constant."""


def closed_content(node: Node, terms: Terms, contents: dict[int, Content]) -> Content | None:
    """Return a key of a closed node: operator, attributes and contents of the inputs.

    None if the content of an input is known neither to `terms` nor in `contents`.
    """
    parts: list[object] = []
    tensors = [value for _, kind, value in node.attributes if kind == AttributeProto.TENSOR]
    for term in (*node.inputs, *tensors):
        assert isinstance(term, int)
        if term == ABSENT:
            parts.append(None)
        elif term in contents:
            parts.append(contents[term])
        elif terms.is_constant(term):
            parts.append(terms.content(term))
        else:
            return None
    attributes = tuple(each for each in node.attributes if each[1] != AttributeProto.TENSOR)
    return node.operator, node.version, attributes, tuple(parts)


def _rewrite(node: Node, terms: Terms) -> int | None:
    given = [each for each in node.inputs if each != ABSENT]
    if node.version <= 0 or node.results != 1 or not given:
        return None
    if not all(terms.is_constant(each) or each in terms.wanted for each in given):
        return None
    content = closed_content(node, terms, {})
    if content is not None and content in terms.evaluated:
        values = terms.evaluated[content]
        return terms.constant(values[0]) if len(values) == 1 else None
    made = terms.keep(node)
    dims = terms.dims(made)
    count = None if dims is None else product(dims).number
    if (count is None or count <= _MOST) and terms.element(made) in KNOWN:
        terms.wanted[made] = node
    return made


def _round(node: Node, terms: Terms) -> int | None:
    if (
        node.version <= 0
        or node.results != 1
        or not all(terms.is_constant(each) for each in node.inputs if each)
    ):
        return None
    content = closed_content(node, terms, {})
    values = terms.evaluated.get(content, ()) if content is not None else ()
    if len(values) != 2:
        return None
    return terms.constant(next((value for value in values if terms.in_files(value)), values[0]))


EVALUATION = Law("evaluation", frozenset({ANY}), _rewrite)
ROUNDED_EVALUATION = Law(
    "rounded evaluation", frozenset({ANY}), _round, rounds="4 ulp of each element of the constant"
)
