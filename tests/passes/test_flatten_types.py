"""What functions say of their values goes to the graph under the names that the values get there."""

from __future__ import annotations

import onnx

import rewriter
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.passes.flatten import Flatten
from tests.build import HEAD, model

LAYERS = """g (float[2,4] input) => (float[4,2] output)
<float[2,4] a, float[2,4] b, float[2,4] c, float[2,4] d> {
  ["/l.0/Neg"] a = Neg(input) ["/l.0/Abs"] b = Abs(a)
  ["/l.1/Neg"] c = Neg(b) ["/l.1/Abs"] d = Abs(c)
  ["/t/Transpose"] output = Transpose(d)
}"""


def flat_of(source: onnx.ModelProto, *, foreign: bool = False) -> onnx.ModelProto:
    return rewriter.rewrite(source, passes=(Flatten(foreign),), numbers=False).analysis.model


def sizes(made: onnx.ModelProto) -> dict[str, list[int]]:
    return {
        info.name: [dim.dim_value for dim in info.type.tensor_type.shape.dim]
        for info in made.graph.value_info
    }


def test_a_shared_function_gives_back_what_each_call_took() -> None:
    shared = rewriter.rewrite(model(LAYERS), functions="shared", numbers=False).analysis.model
    (layer, _) = shared.functions
    assert "output" in {info.name for info in layer.value_info}
    again = flat_of(shared)
    assert sizes(again) == sizes(model(LAYERS))
    onnx.checker.check_model(again, full_check=True)


def test_a_shared_function_of_which_nothing_more_is_known_calls_values_after_their_calls() -> None:
    """Its result may be called like a value of the graph that is another one."""
    shared = rewriter.rewrite(model(LAYERS), functions="shared", numbers=False).analysis.model
    for function in shared.functions:
        metadata.erase(function, [tags.FLAT])
    again = flat_of(shared)
    assert sizes(again) == {"b": [2, 4], "d": [2, 4], "/l.0/a": [2, 4], "/l.1/a": [2, 4]}
    assert {name for node in again.graph.node for name in node.output} >= sizes(again).keys()
    onnx.checker.check_model(again, full_check=True)


def test_functions_for_one_call_give_back_what_they_took() -> None:
    grouped = rewriter.rewrite(model(LAYERS), functions="call", numbers=False).analysis.model
    assert sizes(flat_of(grouped)) == sizes(model(LAYERS))


def test_types_in_functions_of_others_stay_unread() -> None:
    source = onnx.parser.parse_model(
        HEAD.replace("17]", '17, "mine" : 1]') + "g (float[2] x) => (float[2] y) { y = mine.f (x) } "
        '<domain: "mine", opset_import: ["" : 17]> f (a) => (b) <float[9] t> { t = Neg (a) b = Abs (t) }'
    )
    assert source.functions[0].value_info
    assert not flat_of(source, foreign=True).graph.value_info
