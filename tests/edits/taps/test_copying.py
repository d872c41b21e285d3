"""Values of some types have no copy, so they cannot become outputs under another name."""

from __future__ import annotations

import onnx
import onnx.parser
import pytest

import rewriter
from rewriter.errors import CannotCut
from tests.edits.layers import parsed

CASTS = """g (float[2] x) => (float[2] y) {{
  ["/a/Cast"] h = Cast <to = {}> (x)
  ["/b/Cast"] y = Cast <to = 1> (h) }}"""
SEQUENCE = """g (float[2] x) => (float[4] y) {
  ["/a/SequenceConstruct"] h = SequenceConstruct (x, x)
  ["/b/ConcatFromSequence"] y = ConcatFromSequence <axis = 0> (h) }"""
OPTIONAL = """g (float[2] x) => (float[2] y) {
  ["/a/Optional"] h = Optional (x)
  ["/b/OptionalGetElement"] y = OptionalGetElement (h) }"""
REFUSED = "a: no Identity of this opset, or of onnxruntime, copies a value of its type; --value"


@pytest.mark.parametrize(
    ("text", "opset"), [(SEQUENCE, 13), (OPTIONAL, 15), (CASTS.format(22), 21), (CASTS.format(21), 21)]
)
def test_what_no_identity_takes_is_refused(text: str, opset: int) -> None:
    with pytest.raises(CannotCut, match=REFUSED):
        rewriter.tap(parsed(text, opset), "a")
    assert rewriter.tap(parsed(text, opset), value="h", numbers=False).taps[0].output == "h"


@pytest.mark.parametrize(("text", "opset"), [(SEQUENCE, 14), (OPTIONAL, 16), (CASTS.format(17), 19)])
def test_later_opsets_copy_more(text: str, opset: int) -> None:
    assert rewriter.tap(parsed(text, opset), "a", numbers=False).taps[0].value == "h"


def test_a_model_without_operators_of_onnx_has_no_identity() -> None:
    model: onnx.ModelProto = onnx.parser.parse_model("""<ir_version: 9, opset_import: ["com.microsoft" : 1]>
      g (float[2] x) => (float[2] y) <float[2] h> {
        ["/a/Gelu"] h = com.microsoft.Gelu (x)
        ["/b/Gelu"] y = com.microsoft.Gelu (h) }""")
    with pytest.raises(CannotCut, match=r"it imports no operators of ONNX, .* import a version of ai\.onnx"):
        rewriter.tap(model, "a", numbers=False)
    assert rewriter.tap(model, value="h", numbers=False).taps
