"""What exporters compute once for several calls goes where it makes these calls alike."""

from __future__ import annotations

import onnx
import onnx.parser
import pytest

from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.build import analyse
from rewriter.passes.annotate import Annotate
from rewriter.passes.flatten import Flatten
from rewriter.passes.group import Group
from rewriter.passes.unshare import Unshare
from rewriter.pipeline import Options, rewrite

HEADER = '<ir_version: 10, opset_import: ["" : 20]> g'

BIG = ", ".join(["0.5"] * 72)

STORED_TABLE = f"""{HEADER} (float[1, 72] x, bool[72] seen) => (float[1, 72] y)
<float[72] table = {{{BIG}}}, float zero = {{0}}> {{
  ["/layers.0/Where"] mask = Where (seen, table, zero)
  ["/layers.0/Add"] h = Add (x, mask)
  ["/layers.0/Relu"] r = Relu (h)
  ["/layers.1/Add"] k = Add (r, mask)
  ["/layers.1/Relu"] y = Relu (k)
}}"""
"""`table` is nobody's parameter, and too large to be copied."""

LEFT_BEHIND = f"""{HEADER} (float[B, S] x) => (float[N] y) {{
  ["/stem/Relu"] s = Relu (x)
  ["/Constant"] one = Constant <value_int = 1> ()
  ["/Constant_1"] axis = Constant <value_ints = [0]> ()
  ["/Shape"] shape = Shape (s)
  ["/Gather"] size = Gather (shape, one)
  ["/layers.0/Unsqueeze"] for_0 = Unsqueeze (size, axis)
  ["/layers.0/Unsqueeze_1"] for_1 = Unsqueeze (size, axis)
  ["/layers.0/Tile"] h = Tile (axis, for_0)
  ["/layers.0/Cast"] r = Cast <to = 1> (h)
  ["/layers.1/Tile"] k = Tile (axis, for_1)
  ["/layers.1/Cast"] t = Cast <to = 1> (k)
  ["/Add"] y = Add (r, t)
}}"""
"""A scalar's shape is written where the scalar was first used, for whoever needs it."""

ALIAS = f"""{HEADER} (float[1, 2] x) => (float[1, 2] y)
<float[2] stored = {{1, 2}}, float[2] other = {{3, 4}}, float[2] third = {{5, 6}}> {{
  ["Identity_7"] again = Identity (stored)
  ["/layers.0/Add"] h = Add (x, stored)
  ["/layers.0/Mul"] r = Mul (h, again)
  ["/layers.1/Add"] k = Add (r, other)
  ["/layers.1/Mul"] y = Mul (k, third)
}}"""
"""Two tensors of layer 0 happen to be equal, so one is stored as the other."""


def grouped(text: str) -> dict[str, list[str]]:
    """Module -> the operators of its function."""
    passes = (Annotate(), Unshare(), Group())
    model = rewrite(parsed(text), None, Options(passes, numbers=False)).analysis.model
    return {metadata.read(f)[tags.MODULE]: [node.op_type for node in f.node] for f in model.functions}


def parsed(text: str) -> onnx.ModelProto:
    model = onnx.parser.parse_model(text)
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.mark.parametrize(
    ("text", "body"),
    [
        pytest.param(STORED_TABLE, ["Add", "Relu"], id="computed from a large tensor of no module"),
        pytest.param(LEFT_BEHIND, ["Constant", "Unsqueeze", "Tile", "Cast"], id="shape arithmetic"),
        pytest.param(ALIAS, ["Add", "Mul"], id="alias of a stored tensor"),
    ],
)
def test_calls_come_out_alike(text: str, body: list[str]) -> None:
    functions = grouped(text)
    assert [functions["layers.0"], functions["layers.1"]] == [body, body]


UNPLACED = f"""{HEADER} (float[2, 2] x, float[2, 2] z) => (float[2, 2] y, float[2, 2] w) {{
  two = Constant <value_float = 2.0> ()
  ["/layers.0/Mul"] y = Mul (x, two)
  ["/layers.1/Mul"] w = Mul (z, two)
}}"""


@pytest.mark.parametrize("text", [STORED_TABLE, LEFT_BEHIND, ALIAS, UNPLACED])
def test_flatten_gives_the_file_back(text: str) -> None:
    annotated = rewrite(parsed(text), None, Options((Annotate(),), numbers=False)).analysis.model
    passes = (Annotate(), Unshare(), Group(), Flatten())
    flat = rewrite(parsed(text), None, Options(passes, numbers=False)).analysis.model
    assert list(flat.graph.node) == list(annotated.graph.node)


def test_a_position_bias_stays_with_the_module_that_owns_its_table() -> None:
    """Only block 0 has the table: what others read of it is a real difference."""
    text = f"""{HEADER} (float[1, 72] x) => (float[1, 72] y)
    <float[72] "layers.0.table" = {{{BIG}}}> {{
      ["/layers.0/Neg"] bias = Neg ("layers.0.table")
      ["/layers.0/Add"] h = Add (x, bias)
      ["/layers.1/Add"] y = Add (h, bias)
    }}"""
    model = parsed(text)
    Unshare().run(analyse(GraphIndex(model)))
    assert not any(tags.MOVED_TO in metadata.read(node) for node in model.graph.node)
