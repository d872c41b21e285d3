from __future__ import annotations

import onnx

from rewriter.edits.pieces.piece_functions import add_functions
from tests.edits.layers import implanted, layer, parsed, whole

F = '<domain: "f", opset_import: ["" : 17]> F (x) => (y) { y = %s (x) }'
G = '<domain: "f", opset_import: ["" : 17, "f" : 1]> G (x) => (y) { y = f.F (x) }'


def piece(operator: str, *more: str) -> onnx.ModelProto:
    return layer(" ".join(["{ y = f.F (b) }", F % operator, *more]), imports=', "f" : 1')


def test_equal_functions_are_one() -> None:
    model = piece("Relu")
    assert add_functions(model, piece("Relu")) == {}
    assert len(model.functions) == 1


def test_another_function_of_the_name_is_renamed_and_so_are_its_callers() -> None:
    model = piece("Relu", G)
    renamed = add_functions(model, piece("Neg", G))
    assert renamed == {("f", "F", ""): "F_1", ("f", "G", ""): "G_1"}
    assert [function.name for function in model.functions] == ["F", "G", "F_1", "G_1"]
    assert model.functions[3].node[0].op_type == "F_1"


def test_functions_raise_the_ir_version_and_keep_weights_constant() -> None:
    text = "g (float[2] x, float[2] w) => (float[2] y) <float[2] w = {1.0, 2.0}> { y = Add (x, w) }"
    model = parsed(text, 9, ir=3)
    add_functions(model, piece("Relu"))
    assert model.ir_version == 8
    assert [info.name for info in model.graph.input] == ["x"]


def test_functions_that_only_the_module_called_go() -> None:
    first = implanted(whole(), {"l.1": piece("Relu")}).model
    first.graph.node[-1].name = "/l.1/F"
    assert not implanted(first, {"l.1": layer("{ y = Neg (b) }")}).model.functions


def test_calls_follow() -> None:
    first = implanted(whole(), {"l.1": piece("Relu")}).model
    second = implanted(
        first,
        {
            "l.0": parsed(
                "g (float[N, 2] x) => (float[N, 2] b) { b = f.F (x) } " + F % "Neg", imports=', "f" : 1'
            )
        },
    ).model
    assert [node.op_type for node in second.graph.node if node.domain] == ["F_1", "F"]
    onnx.checker.check_model(second, full_check=True)
