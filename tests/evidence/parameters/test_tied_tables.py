"""Weights that an embedding and an output layer share, when the exporter folded the transposition."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

import rewriter
from rewriter import pipeline
from rewriter.evidence.certainty import PlacementRule
from rewriter.evidence.parameters.tied_tables import ties
from rewriter.model.index.graph import GraphIndex
from tests.build import model

TABLE = 'float[3,2] "head.weight" = {1,2,3,4,5,6}'
LAYERS = """g (int64[1] i, float[1,2] x) => (float[1,2] e, float[1,3] y)
<TABLE, MATRIX>
{ e = Gather("head.weight", i) y = PRODUCT }"""
FOLDED = ('float[2,3] "val_1" = {1,3,5,2,4,6}', 'MatMul(x, "val_1")')


def tied(matrix: str, product: str) -> onnx.ModelProto:
    """A table and a product with a matrix."""
    text = LAYERS.replace("TABLE", TABLE).replace("MATRIX", matrix)
    return model(text.replace("PRODUCT", product))


def places(proto: onnx.ModelProto) -> list[str | None]:
    """The modules of the two nodes."""
    return [str(place.module) if place else None for place in rewriter.tree(proto).placements]


@pytest.mark.parametrize(
    ("matrix", "product"),
    [
        FOLDED,
        ('float[2,3] "val_1" = {1,3,5,2,4,6}', 'Gemm(x, "val_1")'),
        ('float[3,2] "y_weight" = {1,2,3,4,5,6}', 'Gemm<transB=1>(x, "y_weight")'),
    ],
)
def test_the_name_belongs_to_the_output_layer_and_not_to_the_embedding(matrix: str, product: str) -> None:
    assert places(tied(matrix, product)) == [None, "head"]


def test_metadata_of_an_earlier_run_does_not_count_and_that_of_an_exporter_does() -> None:
    proto = tied(*FOLDED)
    entry = proto.graph.node[0].metadata_props.add(key="rewriter.module", value="embed")
    assert len(list(ties(GraphIndex(proto), None))) == 1
    assert not rewriter.tree(proto).placements[0].conflicting  # type: ignore[union-attr]
    entry.key = "pkg.torch.onnx.name_scopes"
    assert not list(ties(GraphIndex(proto), None))


@pytest.mark.parametrize(
    ("matrix", "product"),
    [
        ('float[2,3] "val_1" = {1,3,5,2,4,7}', 'MatMul(x, "val_1")'),  # other numbers
        ('float[2,3] "onnx::MatMul_7" = {1,3,5,2,4,6}', 'MatMul(x, "onnx::MatMul_7")'),  # of TorchScript
    ],
)
def test_else_the_reader_of_the_table_has_its_name(matrix: str, product: str) -> None:
    assert places(tied(matrix, product))[0] == "head"


def test_a_table_that_is_multiplied_too_is_left_to_the_rules_of_several_readers() -> None:
    proto = tied(*FOLDED)
    proto.graph.node.append(onnx.helper.make_node("MatMul", ["head.weight", "x"], ["z"]))
    assert not list(ties(GraphIndex(proto), None))


def test_external_tables_are_compared_if_their_folder_is_known(tmp_path: Path) -> None:
    proto = tied(*FOLDED)
    for tensor in proto.graph.initializer:  # only raw data can be external
        tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor), tensor.name))
    onnx.save(proto, tmp_path / "m.onnx", save_as_external_data=True, size_threshold=0, location="d.data")
    graph = GraphIndex(onnx.load(tmp_path / "m.onnx", load_external_data=False))
    assert not list(ties(graph, None))
    (tie,) = ties(graph, tmp_path)
    assert (tie.owner, tie.lookups, tie.products) == ("head", (0,), (1,))
    place = rewriter.tree(tmp_path / "m.onnx").placements[1]
    assert place is not None
    assert place.module == "head"


def test_the_rule_is_told() -> None:
    claims = pipeline.load(tied(*FOLDED)).claims
    assert [claim.by_rule for claim in claims[1]] == [PlacementRule.TIED]
