import pytest
from onnx import parser

from rewriter.model.index.graph import GraphIndex
from rewriter.model.operator_set.determinism import drawing_nodes, may_draw

HEADER = '<ir_version: 9, opset_import: ["" : 21, "m" : 1]>\n'


@pytest.mark.parametrize(
    ("text", "draws"),
    [
        ("g (float x) => (float y) { y = Neg(x) }", False),
        ("g (float x) => (float y) { y = RandomUniformLike(x) }", True),
        ("g (float x) => (float y) { y = Dropout(x) }", True),
        ("g (float x) => (float y) { y = m.Unknown(x) }", True),
        ("g (float x) => (float y) { y = NoSuchOperator(x) }", True),
        (
            "g (float x, bool b) => (float y) { y = If(b) <"
            "then_branch = t () => (float c) { c = Bernoulli(x) },"
            "else_branch = e () => (float d) { d = Neg(x) }> }",
            True,
        ),
        (
            'g (float x) => (float y) { y = m.f(x) } <domain: "m", opset_import: ["" : 21]> f (p) => (q)'
            "{ q = Neg(p) }",
            False,
        ),
        (
            'g (float x) => (float y) { y = m.f(x) } <domain: "m", opset_import: ["" : 21]> f (p) => (q)'
            "{ q = RandomNormalLike(p) }",
            True,
        ),
    ],
)
def test_what_may_give_something_else_each_time(text: str, draws: bool) -> None:
    assert may_draw(parser.parse_model(HEADER + text)) is draws


@pytest.mark.parametrize(("inside", "draws"), [(6, True), (13, False)])
def test_a_node_in_a_function_follows_the_opset_of_the_function(inside: int, draws: bool) -> None:
    """Dropout drew at every run up to opset 6, and does since opset 12 only in training."""
    text = (
        '<ir_version: 8, opset_import: ["" : 13, "m" : 1]> g (float[2] x) => (float[2] y) { y = m.f(x) } '
        f'<domain: "m", opset_import: ["" : {inside}]> f (p) => (q) {{ q = Dropout(p) }}'
    )
    assert drawing_nodes(GraphIndex(parser.parse_model(text))) == ({0, 1} if draws else set())
