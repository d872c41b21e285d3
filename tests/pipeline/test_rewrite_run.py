"""A rewrite needs the weights themselves for numbers and copies alone."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

import rewriter
from rewriter.errors import UnreadableModel, UsageError
from tests.build import model
from tests.hostile.build import external


@pytest.fixture
def stripped(tmp_path: Path) -> Path:
    """A model whose weight is in a file that is not there."""
    made = external()
    for node in made.graph.node:
        node.name = f"/a/{node.op_type}"
    onnx.save(made, tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def test_a_model_without_its_weights_is_rewritten_beside_them(stripped: Path) -> None:
    report = rewriter.rewrite(stripped, stripped.with_name("o.onnx"), functions="call")
    assert report.verification.verdict == "equal"
    assert report.verification.numeric is not None
    assert report.verification.numeric.skipped == "external data 'm.data' is missing; put it beside the model"
    assert onnx.load(stripped.with_name("o.onnx"), load_external_data=False).functions


def test_models_in_one_folder_are_compared_without_their_weights(stripped: Path, tmp_path: Path) -> None:
    rewriter.rewrite(stripped, stripped.with_name("o.onnx"), functions="call")
    found = rewriter.verify(stripped, stripped.with_name("o.onnx"))
    assert (found.verdict, found.certificate.identical) == ("equal", False)
    with pytest.raises(UnreadableModel, match="is missing"):
        rewriter.verify(stripped, stripped.with_name("o.onnx"), numbers=True)
    (tmp_path / "sub").mkdir()
    stripped.with_name("o.onnx").rename(tmp_path / "sub" / "o.onnx")
    with pytest.raises(UnreadableModel, match="is missing"):
        rewriter.verify(stripped, tmp_path / "sub" / "o.onnx")


def test_numbers_and_copies_need_the_weights(stripped: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(UnreadableModel, match="is missing"):
        rewriter.rewrite(stripped, stripped.with_name("o.onnx"), numbers=True)
    with pytest.raises(UnreadableModel, match="is missing"):
        rewriter.rewrite(stripped, tmp_path / "out" / "o.onnx", copy_data=True)
    with pytest.raises(UsageError, match="the weights lie in"):
        rewriter.rewrite(stripped, tmp_path / "out" / "o.onnx")
    assert not stripped.with_name("o.onnx").exists()


def test_weights_without_content_are_grouped(tmp_path: Path) -> None:
    text = 'g (float[2] x) => (float[2] y) { ["/fc/Mul"] a = Mul(x, v) ["/fc/Add"] y = Add(a, w) }'
    made = model(text)
    for name in ("v", "w"):
        made.graph.initializer.add(name=name, data_type=onnx.TensorProto.FLOAT, dims=[2], raw_data=b"")
    report = rewriter.rewrite(made, functions="shared", numbers=False)
    assert len(report.result.functions) == 1
    assert "certificate: equal at 1 of 1 output" in str(report)
