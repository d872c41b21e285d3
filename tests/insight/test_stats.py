from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import onnx
import pytest

import rewriter
from rewriter import pipeline
from rewriter.basics.literals import FunctionsWord
from rewriter.insight.figures import Figures
from rewriter.insight.stats import Stats, collect, fold
from rewriter.modules.analysis import Analysis
from rewriter.paths import ROOT, ModulePath
from rewriter.views.json import schema
from tests.build import chain, model
from tests.cli.running import heard
from tests.exports import EXPORTS


def test_numbers_are_folded_whole() -> None:
    assert fold(ModulePath("h.0.ln_1.weight")) == "h.*.ln_1.weight"
    assert fold(ModulePath("10.layer1.2")) == "*.layer1.*"


def test_counts_of_a_small_model() -> None:
    stats = collect(pipeline.load(chain("/a/0/Relu", "/a/1/Relu", "/Relu", "no")), {})
    assert (stats.nodes, stats.scoped, stats.initializers) == (4, 3, 0)
    assert stats.operators == {"Relu": 4}
    assert (stats.flops, stats.unknown, stats.fault) == (8, {}, None)
    inputs, outputs = stats.boundaries[ModulePath("a.0")]
    assert [(p.name, p.known and p.known.shape) for p in (*inputs, *outputs)] == [("x", (2,)), ("v1", (2,))]
    assert [p.name for side in stats.boundaries[ROOT] for p in side] == ["x", "y"]


def test_patterns_of_parameters() -> None:
    stats = collect(pipeline.load(EXPORTS / "bert" / "dy.onnx"), {})
    found = {pattern.name: pattern for pattern in stats.patterns}
    query = found["model.encoder.layer.*.attention.self.query.weight"]
    assert (query.times, query.shapes, query.dtypes) == (2, ((128, 128),), ("float32",))
    assert (query.count, query.size) == (2 * 128 * 128, 2 * 128 * 128 * 4)
    assert sum(pattern.count for pattern in stats.patterns) == stats.figures[ROOT].parameters[1]


def same(stats: Stats, analysis: Analysis) -> dict[ModulePath, object]:
    def told(figures: Figures) -> object:
        return (
            figures.nodes,
            figures.parameters,
            figures.parameter_bytes,
            figures.flops,
            dict(figures.operators),
        )

    return {path: told(figures) for path, figures in stats.figures.items()}


@pytest.mark.parametrize("variant", ["ts", "dy"])
@pytest.mark.parametrize("functions", ["none", "call", "shared"])
def test_grouped_and_annotated_files_give_the_numbers_of_flat_ones(
    functions: FunctionsWord, variant: str
) -> None:
    flat = rewriter.load(EXPORTS / "gpt2" / f"{variant}.onnx")
    report = rewriter.rewrite(EXPORTS / "gpt2" / f"{variant}.onnx", functions=functions, numbers=False)
    other = rewriter.load(report.analysis.model)
    ours, theirs = collect(flat, {}), collect(other, {})
    assert same(ours, flat) == same(theirs, other)
    assert ours.flops == theirs.flops > 0
    assert ours.operators == theirs.operators
    assert {p.name for p in ours.patterns} == {p.name for p in theirs.patterns}


def test_unknown_shapes_are_said_and_sizes_mend_them(capsys: pytest.CaptureFixture[str]) -> None:
    path = EXPORTS / "resnet" / "ts_dyn.onnx"
    _, out, _ = heard(capsys, "stats", path, "--json")
    unknown = json.loads(out)["flops"]
    assert unknown["unknown"]
    _, out, _ = heard(capsys, "stats", path)
    assert "+?" in out
    assert "give sizes by --dim NAME=SIZE" in out
    _, out, _ = heard(capsys, "stats", path, "--dim", "batch=2", "--json")
    known = json.loads(out)["flops"]
    assert known["unknown"] == {}
    _, out, _ = heard(capsys, "stats", EXPORTS / "scripted_if_loop" / "ts.onnx")
    assert "unknown for 5 nodes" in out
    assert "every branch and one iteration of every Loop and Scan count" in " ".join(out.split())
    assert "--dim" not in out  # its inputs leave no size open
    static = collect(pipeline.load(EXPORTS / "resnet" / "ts.onnx"), {})
    assert known["known"] == static.flops


@pytest.mark.parametrize("word", ["batch", "batch=", "=1", "batch=-1", "batch=x", "batch=1.5"])
def test_sizes_that_are_none(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = heard(capsys, "stats", EXPORTS / "resnet" / "ts.onnx", "--dim", word)
    assert code == 2
    assert "write a name and a size" in err


@pytest.mark.parametrize("case", ["bert/ts", "scripted_if_loop/ts", "tied_weights/dy", "random_numbers/ts"])
def test_json_follows_its_schema(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = heard(capsys, "stats", EXPORTS / f"{case}.onnx", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    jsonschema.Draft202012Validator(schema("stats")).validate(document)
    assert sum(document["operators"].values()) == document["nodes"]


def test_the_selection_chooses_lines(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = heard(capsys, "stats", EXPORTS / "bert" / "dy.onnx", "--class", "Linear", "--json")
    document = json.loads(out)
    assert {module["class"] for module in document["modules"]} == {"torch.nn.modules.linear.Linear"}
    assert document["nodes"] == 83
    code, _, err = heard(capsys, "stats", EXPORTS / "bert" / "dy.onnx", "nothing")
    assert code == 2
    assert "no module fits 'nothing'; there are model, " in err


def test_hostile_names_move_no_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proto = chain("/a\x1b[2J/Relu", "/b/Relu")
    proto.graph.input[0].name = proto.graph.node[0].input[0] = "\x1b[31mx"
    proto.graph.node[1].op_type = "Evil\x1b]0;title\x07"
    onnx.save(proto, tmp_path / "m.onnx")
    code, out, _ = heard(capsys, "stats", tmp_path / "m.onnx")
    assert code == 0
    assert "\x1b" not in out
    assert "\x07" not in out


def test_a_model_without_nodes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(model("g (float[2] x) => (float[2] x) {}"), tmp_path / "m.onnx")
    code, out, _ = heard(capsys, "stats", tmp_path / "m.onnx")
    assert code == 0
    assert "0 known" in out
