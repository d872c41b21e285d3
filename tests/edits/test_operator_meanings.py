"""An operator of a runtime never becomes a call of a function from another part of the result."""

from __future__ import annotations

import onnx
import pytest

from rewriter.errors import CannotImplant
from tests.edits.layers import implanted, layer, parsed, whole

FUNCTION = '<domain: "f", opset_import: ["" : 17]> F (x) => (y) { y = Relu (x) }'
IMPORT = ', "f" : 1'


def plain() -> onnx.ModelProto:
    """A piece for `l.0` with an operator of a runtime."""
    return parsed("g (float[N, 2] x) => (float[N, 2] b) { b = f.F (x) }", imports=IMPORT)


def calling() -> onnx.ModelProto:
    """A piece for `l.1` with a function of that name."""
    return layer(f"{{ y = f.F (b) }} {FUNCTION}", imports=IMPORT)


def test_a_function_of_the_model() -> None:
    first = implanted(whole(), {"l.1": calling()}).model
    with pytest.raises(
        CannotImplant, match="f:F is an operator of a runtime in piece, and a function in the model"
    ):
        implanted(first, {"l.0": plain()})


def test_a_function_of_a_piece() -> None:
    first = implanted(whole(), {"l.0": plain()}).model
    with pytest.raises(
        CannotImplant, match="f:F is an operator of a runtime in the model, and a function in piece"
    ):
        implanted(first, {"l.1": calling()})


def test_a_function_of_another_piece() -> None:
    with pytest.raises(
        CannotImplant, match="operator of a runtime in piece, and a function in piece; give one"
    ):
        implanted(whole(), {"l.0": plain(), "l.1": calling()})


def test_the_operator_may_go_with_its_module() -> None:
    first = implanted(whole(), {"l.0": plain()}).model
    first.graph.node[0].name = "/l.0/F"
    second = parsed(f"g (float[N, 2] x) => (float[N, 2] b) {{ b = f.F (x) }} {FUNCTION}", imports=IMPORT)
    assert len(implanted(first, {"l.0": second}).model.functions) == 1
