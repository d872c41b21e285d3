"""What a module tells of all that is in it; a wrong path names the nearest; a tree as a table."""

from __future__ import annotations

import gc
import importlib.util
import weakref

import onnx
import pytest

import rewriter
from rewriter.cutting.check import Checking
from rewriter.cutting.extract import Extraction, Target, plan_extractions
from rewriter.errors import UsageError
from rewriter.views.sidecar import document as sidecar
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "dy.onnx"
TIED = """
<ir_version: 8, opset_import: ["" : 20]>
g (float[n,4] x) => (float[n,4] y, float[n,4] z)
<float[4,4] w = {1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1}>
{
  ["/a/Constant"] c = Constant<value = float[1] {2}>()
  ["/a/one/Mul"] g = Mul(x, c)
  ["/a/one/MatMul"] h = MatMul(g, w)
  ["/a/two/MatMul"] i = MatMul(h, w)
  ["/a/two/Relu"] z = Relu(i)
  ["/b/Strange"] y = com.example.Strange(i, h, c)
}
"""


def tied() -> rewriter.ModuleTree:
    text = TIED.replace('["" : 20]', '["" : 20, "com.example" : 1]')
    return rewriter.tree(onnx.parser.parse_model(text))


@pytest.mark.parametrize("file", ["bert/dy.onnx", "bert/ts.onnx", "cond/dy.onnx", "shared_block/ts.onnx"])
def test_figures_are_those_of_stats(file: str) -> None:
    model = rewriter.open(EXPORTS / file)
    stats = model.stats()
    for module in model.tree:
        figures = stats.figures[module.path]
        assert module.params == figures.parameters[1]
        assert module.bytes == figures.parameter_bytes[1]
        assert module.flops == (None if figures.unknown[1] else figures.flops[1])
        assert len(module.node_names) == figures.nodes[1] == module.total_nodes


def test_names_and_outputs_are_those_of_all_below() -> None:
    tree = tied()
    a = tree["a"]
    assert a.node_names == ("/a/Constant", "/a/one/Mul", "/a/one/MatMul", "/a/two/MatMul", "/a/two/Relu")
    assert a.outputs == ("h", "i", "z")  # z is the model's, b reads the others; a constant is shared
    assert tree["a.one"].outputs == ("h",)
    assert tree["b"].outputs == ("y",)
    assert tree.root.outputs == ("z", "y")


@pytest.mark.parametrize("file", ["bert/dy.onnx", "transformer_encoder/ts.onnx", "beit/ts_dyn.onnx"])
def test_outputs_are_those_of_the_module_as_a_model(file: str) -> None:
    analysis = rewriter.load(EXPORTS / file)
    modules = [module for module in analysis.tree if module.path and module.total_nodes and module.calls == 1]
    wanted = {Target((module.path,)): module for module in modules[:12]}
    pieces = plan_extractions(analysis, list(wanted), Checking(numbers=False)).found
    compared = 0
    for asked, piece in pieces.items():
        if isinstance(piece, Extraction):
            assert set(wanted[asked].outputs) == set(piece.piece.outputs), asked
            compared += 1
    assert compared >= 5


def test_what_is_not_known_is_no_figure() -> None:
    tree = tied()
    assert tree["b"].flops is None
    assert tree.root.flops is None
    assert tree["a.one"].flops is None  # n has no size
    assert tree["a"].params <= 16  # tied weights count once


def test_outputs_of_layers_feed_the_next() -> None:
    tree = rewriter.tree(BERT)
    assert tree["model.encoder.layer.0"].outputs == ("val_101", "layer_norm_2")
    assert tree["model.pooler"].outputs == ("tanh",)


def test_a_tree_of_a_sidecar_knows_no_figures() -> None:
    """It names parameters, and not what else a module holds or which of them are buffers."""
    loaded = rewriter.load(BERT)
    tree = sidecar.read(sidecar.write(loaded)).tree
    pooler = tree["model.pooler"]
    for name in ("params", "bytes", "flops", "node_names", "outputs"):
        with pytest.raises(UsageError, match="sidecar's, which holds no model; open the model itself"):
            getattr(pooler, name)


def test_a_wrong_path_names_the_nearest() -> None:
    tree = rewriter.tree(BERT)
    assert tree["model.pooler"].class_name is not None
    with pytest.raises(KeyError, match=r"no module fits 'model\.poolr'; nearest: model\.pooler"):
        tree["model.poolr"]


def test_a_tree_goes_with_its_last_reference() -> None:
    analysis = rewriter.load(BERT)
    graph = weakref.ref(analysis.graph)
    assert analysis.tree.root.params
    gc.disable()  # models are large: none waits for the collector
    try:
        del analysis
        assert graph() is None
    finally:
        gc.enable()


def test_a_table_needs_pandas() -> None:
    tree = rewriter.tree(BERT)
    if importlib.util.find_spec("pandas") is None:
        with pytest.raises(UsageError, match="to_pandas needs pandas; install it: pip install pandas"):
            tree.to_pandas()
        return
    table = tree.to_pandas()
    assert list(table.index) == [module.path for module in tree]
    assert table.loc["model.pooler", "params"] == 16512
