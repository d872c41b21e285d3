"""The tree in the middle of a pipeline of onnx_ir passes."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

import rewriter
from rewriter.errors import NotProved, UsageError
from rewriter.evidence.metadata import tags
from tests.exports import EXPORTS

ir = pytest.importorskip("onnx_ir")

from onnx_ir.passes.common import CommonSubexpressionEliminationPass, RemoveUnusedNodesPass  # noqa: E402

from rewriter.adapters.onnx_ir import RewritePass  # noqa: E402

FIXTURES = [EXPORTS / "bert" / "ts.onnx", EXPORTS / "gpt2" / "dy.onnx", EXPORTS / "cond" / "dy.onnx"]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.parent.name)
def test_the_tree_comes_in_a_pipeline(path: Path) -> None:
    model = ir.load(path)
    before = ir.to_proto(model).SerializeToString(deterministic=True)
    result = RewritePass(restore_names=True)(model)
    assert ir.to_proto(model).SerializeToString(deterministic=True) == before
    assert result.modified
    assert result.model is not model
    assert result.report.verification.numeric.agrees
    assert result.report.verification.certificate.equal
    placed = [node for node in result.model.graph if tags.MODULE in node.metadata_props]
    assert len(placed) > len(result.model.graph) / 2
    onnx.checker.check_model(ir.to_proto(result.model))
    again = RewritePass(restore_names=True)(result)
    assert not again.modified


def test_passes_before_and_after() -> None:
    passes = ir.passes.Sequential(
        CommonSubexpressionEliminationPass(),
        RewritePass(functions="shared", numbers=False),
        RemoveUnusedNodesPass(),
    )
    model = passes(ir.load(FIXTURES[0])).model
    assert {"attention", "embeddings"} <= {function.name for function in model.functions.values()}
    tree = rewriter.tree(model)
    assert len(tree.select("model.encoder.layer.*")) == 2


def test_options_are_those_of_rewrite(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no option of rewrite fits 'depht'; nearest: depth"):
        RewritePass(depht=2)

    def fail(*_: object, **__: object) -> None:
        raise NotProved("model: not proved equal")

    monkeypatch.setattr("rewriter.adapters.onnx_ir.rewrite", fail)
    with pytest.raises(NotProved):
        RewritePass()(ir.load(FIXTURES[0]))
