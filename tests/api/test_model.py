"""`rewriter.open`: one analysis for all verbs, and the same results as their functions."""

from __future__ import annotations

import inspect
from pathlib import Path

import onnx
import pytest

import rewriter
from rewriter.errors import UnreadableModel, UsageError
from rewriter.evidence.side_inputs import Given
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.pipeline import loader
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "dy.onnx"
LAYERS = [f"model.encoder.layer.{layer}" for layer in range(2)]


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was analysed."""
    found: list[object] = []
    real = loader.look_through

    def counted(graph: GraphIndex, path: Path | None, given: Given) -> Analysis:
        found.append(path)
        return real(graph, path, given)

    monkeypatch.setattr(loader, "look_through", counted)
    return found


def test_nothing_is_read_before_it_is_needed(tmp_path: Path) -> None:
    model = rewriter.open(tmp_path / "none.onnx")
    with pytest.raises(UnreadableModel, match="no such file"):
        model.tree  # noqa: B018


def test_twelve_extracts_cost_one_analysis(analysed: list[object]) -> None:
    model = rewriter.open(BERT)
    parts = [
        "attention",
        "attention.self",
        "attention.self.query",
        "attention.output",
        "intermediate",
        "output",
    ]
    made = [model.extract(f"{layer}.{part}", numbers=False) for layer in LAYERS for part in parts]
    assert len(made) == 12
    assert len(analysed) == 1
    alone = rewriter.extract(BERT, f"{LAYERS[0]}.attention.self", numbers=False)
    assert made[1].model == alone.model


def test_verbs_share_the_analysis_and_say_what_their_functions_say(
    analysed: list[object], tmp_path: Path
) -> None:
    model = rewriter.open(BERT)
    assert model.tree == rewriter.tree(BERT)
    assert model.path == BERT
    assert model.stats().figures.keys() == {module.path for module in model.tree}
    assert model.select("model.pooler").names == ("node_select", "node_linear_12", "node_tanh")
    assert model.select(operators="Tanh", what="values").names == ("tanh",)
    assert model.doctor().facts == rewriter.doctor(BERT).facts
    assert model.verify(BERT).verdict == "equal"
    before = len(analysed)
    assert model.split(LAYERS[1], numbers=False).parts
    assert model.profile(rounds=1, warmup=0, threads=1).runs == 1
    assert "<html" in model.report(output=tmp_path / "m.html", numbers=False).html
    assert len(analysed) == before
    assert not model.diff(BERT, numbers=False).changed


def test_what_is_written_is_what_the_functions_write(tmp_path: Path) -> None:
    model = rewriter.open(BERT)
    as_read = onnx.load(BERT)
    model.save(tmp_path / "a.onnx")
    rewriter.rewrite(BERT, tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    shared = model.rewrite(tmp_path / "c.onnx", functions="shared", numbers=False)
    assert shared.outputs[-1] == tmp_path / "c.onnx"
    flat = rewriter.open(tmp_path / "c.onnx").flatten(tmp_path / "d.onnx", numbers=False)
    assert (tmp_path / "d.onnx").read_bytes() == (tmp_path / "a.onnx").read_bytes()
    assert not (tmp_path / "d.modules.json").exists()
    assert flat.passes[0].changes["functions entered"] > 5
    assert model.opened.model == as_read  # never changed


def test_the_tree_is_carried_to_what_was_made_of_a_model() -> None:
    model = rewriter.open(BERT)
    bare = onnx.load(BERT)
    for node in bare.graph.node:
        node.name = ""
        del node.metadata_props[:]
    carried = model.carry(bare, None)
    assert carried.tree.coverage == 1
    assert carried.tree.by_source == {"like": 83}


def test_what_is_known_is_told_once(tmp_path: Path) -> None:
    model = rewriter.open(BERT, like=BERT)
    assert model.tree.by_source == {"like": 83}
    assert model.rewrite(numbers=False).tree.by_source == {"like": 83}
    for verb in (model.rewrite, lambda like: model.extract("model.pooler", like=like)):
        with pytest.raises(UsageError, match=r"the model is open: give its evidence"):
            verb(like=BERT)


def test_an_open_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(BERT.read_bytes())
    model = rewriter.open(path)
    for verb in (model.save, model.rewrite, model.flatten, lambda to: model.report(output=to, numbers=False)):
        with pytest.raises(UsageError, match="is the input"):
            verb(path)
    assert path.read_bytes() == BERT.read_bytes()


def test_methods_have_the_signatures_of_their_functions() -> None:
    for name in (
        "extract",
        "split",
        "implant",
        "tap",
        "untap",
        "drop",
        "profile",
        "precision",
        "diff",
        "verify",
        "report",
        "doctor",
        "rewrite",
        "weights",
        "refit",
        "replace",
    ):
        function, method = getattr(rewriter, name), getattr(rewriter.Model, name)
        assert inspect.getdoc(method) == inspect.getdoc(function)
        assert inspect.signature(method) == inspect.signature(function)
