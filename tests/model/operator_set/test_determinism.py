import pytest
from onnx import parser

from rewriter.model.operator_set.determinism import may_draw

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
