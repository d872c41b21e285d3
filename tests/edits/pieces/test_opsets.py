from __future__ import annotations

import pytest

from rewriter.cutting.check import Checking
from rewriter.edits.pieces.opsets import add_imports, fitted
from rewriter.errors import CannotImplant
from tests.edits.layers import implanted, layer, parsed, whole

ONCE = Checking(numbers=False)
CALLS = '{ y = f.F (b) } <domain: "f", opset_import: ["" : 11]> F (x) => (y) { y = Softmax (x) }'


def test_operators_of_one_definition_need_no_conversion() -> None:
    piece = layer("{ y = Relu (b) }", 14)
    assert fitted(piece, whole(), "p", None, ONCE) == (piece, None)


def test_a_piece_is_converted() -> None:
    piece = layer("{ s = ReduceSum <axes = [1], keepdims = 1> (b) y = Add (b, s) }", 11)
    piece.graph.node[1].metadata_props.add(key="kept", value="yes")
    made, conversion = fitted(piece, whole(), "p", None, ONCE)
    assert [node.op_type for node in made.graph.node] == ["Constant", "ReduceSum", "Add"]
    assert made.graph.node[2].metadata_props[0].value == "yes"
    assert conversion is not None
    assert (conversion.before, conversion.after, conversion.numbers) == (11, 17, None)


def test_what_the_converter_cannot_do_is_refused() -> None:
    with pytest.raises(CannotImplant, match=r"p: it has version 22 .* No Previous Version of Gelu exists"):
        fitted(layer("{ y = Gelu (b) }", 22), whole(), "p", None, ONCE)


def test_versions_of_a_vendor_and_of_functions_are_refused() -> None:
    known = parsed("g (float[2] x) => (float[2] y) { y = my.Op (x) }", imports=', "my" : 1')
    with pytest.raises(CannotImplant, match="it has version 2 of operator set 'my', and the model has 1"):
        fitted(layer("{ y = my.Op (b) }", imports=', "my" : 2'), known, "p", None, ONCE)
    with pytest.raises(CannotImplant, match=r"its function 'F' has version 11 of operator set 'ai.onnx'"):
        fitted(layer(CALLS, imports=', "f" : 1'), whole(), "p", None, ONCE)


def test_missing_sets_are_imported() -> None:
    model = whole()
    add_imports(model, layer("{ y = my.Op (b) }", imports=', "my" : 2'), "p")
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 17), ("my", 2)]


def test_pieces_with_different_versions_of_a_set_that_the_model_lacks_are_refused() -> None:
    first = parsed("g (float[N, 2] x) => (float[N, 2] b) { b = my.Op (x) }", imports=', "my" : 1')
    with pytest.raises(CannotImplant, match="version 2 of operator set 'my', and another piece has 1"):
        implanted(whole(), {"l.0": first, "l.1": layer("{ y = my.Op (b) }", imports=', "my" : 2')})
