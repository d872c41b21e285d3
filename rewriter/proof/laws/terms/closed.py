"""Closed nodes as models, for the caller to evaluate; and their values as the laws look them up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from rewriter.model.operator_set.operators import since
from rewriter.proof.laws.arithmetic.evaluation import closed_content
from rewriter.proof.laws.terms.constants import Content, Evaluations
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import ABSENT, Node, as_float

_IR_VERSION = 10


def models(terms: Terms, opsets: Iterable[int]) -> Iterator[ModelProto]:
    """Yield one model per opset: it computes the wanted terms whose operators mean the same there.

    A model has no inputs. Its outputs are called like the numbers of the terms.
    """
    for opset in opsets:
        model = ModelProto(ir_version=_IR_VERSION)
        model.opset_import.add(version=opset)
        model.graph.name = "closed"
        written: set[int] = set()
        stored: set[int] = set()
        for made, node in sorted(terms.wanted.items()):
            pending = {each for each in node.inputs if each in terms.wanted}
            if since(node.operator, "", opset) == node.version and pending <= written:
                _add(model, made, node, terms, stored)
                written.add(made)
        if written:
            yield model


def _add(model: ModelProto, made: int, node: Node, terms: Terms, stored: set[int]) -> None:
    """Add a node, and those of its inputs that are constants; `stored` has the constants of the model."""
    graph = model.graph
    for each in dict.fromkeys(node.inputs):
        if each != ABSENT and each not in terms.wanted and each not in stored:
            stored.add(each)
            array = terms.array(each)
            assert array is not None
            graph.initializer.append(numpy_helper.from_array(array, str(each)))
    inputs = ["" if each == ABSENT else str(each) for each in node.inputs]
    graph.node.append(NodeProto(op_type=node.operator, input=inputs, output=[str(made)]))
    for name, kind, value in node.attributes:
        graph.node[-1].attribute.append(_attribute(name, kind, value, terms))
    graph.output.append(helper.make_tensor_value_info(str(made), terms.element(made) or 0, None))


def _attribute(name: str, kind: int, value: object, terms: Terms) -> AttributeProto:
    if kind == AttributeProto.FLOAT:
        value = as_float(value)
    elif kind == AttributeProto.FLOATS:
        assert isinstance(value, tuple)
        value = tuple(map(as_float, value))
    elif kind == AttributeProto.TENSOR:
        assert isinstance(value, int)
        array = terms.array(value)
        value = numpy_helper.from_array(array) if array is not None else TensorProto()
    return helper.make_attribute(name, value, attr_type=kind)


def by_content(terms: Terms, values: Mapping[str, Evaluations]) -> dict[Content, Evaluations]:
    """Return the values of each wanted node by its content.

    Args:
        terms: the terms with wanted nodes.
        values: number of a term, as text -> its values.
    """
    found: dict[Content, Evaluations] = {}
    contents: dict[int, Content] = {}
    for made, node in sorted(terms.wanted.items()):
        content = closed_content(node, terms, contents)
        if content is None:
            continue
        arrays = found[content] = values.get(str(made), ())
        if len(arrays) == 1:
            contents[made] = terms.content_of(arrays[0])
    return found
