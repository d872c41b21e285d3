"""What other viewers get: the formats as their readers take them, and the same figures as `stats`."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest

import rewriter
from rewriter import pipeline
from rewriter.basics.literals import FunctionsWord
from rewriter.insight.drawn_sizes import Weighing, weigh, with_ancestors
from rewriter.insight.stats import collect
from rewriter.modules.analysis import Analysis
from rewriter.options.words import Measure
from rewriter.paths import ROOT, ModulePath
from rewriter.views.exports.dot import dot
from rewriter.views.exports.model_explorer import model_explorer
from rewriter.views.exports.speedscope import speedscope
from tests.build import chain
from tests.cli.running import heard
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "dy.onnx"


def everything(analysis: Analysis) -> dict[ModulePath, ModulePath]:
    return with_ancestors(analysis.tree, analysis.tree.modules)


def check_speedscope(document: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The rules of the format that its schema cannot say; returns profile -> stack -> weight."""
    frames = [frame["name"] for frame in document["shared"]["frames"]]
    profiles = {}
    for profile in document["profiles"]:
        assert profile["type"] == "sampled"
        assert profile["unit"] in {"none", "bytes", "nanoseconds", "microseconds", "milliseconds", "seconds"}
        assert len(profile["samples"]) == len(profile["weights"])
        assert profile["endValue"] - profile["startValue"] == pytest.approx(sum(profile["weights"]))
        stacks = [tuple(frames[frame] for frame in sample) for sample in profile["samples"]]
        assert all(stack[0] == frames[0] and len(set(stack)) == len(stack) for stack in stacks)
        profiles[profile["name"]] = {
            stack[-1]: weight for stack, weight in zip(stacks, profile["weights"], strict=True)
        }
    return profiles


def test_speedscope_has_a_stack_for_every_module_with_a_weight(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = heard(capsys, "export", BERT, "--format", "speedscope")
    assert (code, err) == (0, "")
    profiles = check_speedscope(json.loads(out))
    assert list(profiles) == [measure.value for measure in Measure]
    analysis = pipeline.load(BERT)
    stats = collect(analysis, {})
    whole = stats.figures[ROOT]
    totals = {name: sum(weights.values()) for name, weights in profiles.items()}
    assert totals == {
        "nodes": whole.nodes[1],
        "parameters": whole.parameters[1],
        "bytes": whole.parameter_bytes[1],
        "flops": whole.flops[1],
    }
    query = "model.encoder.layer.0.attention.self.query"
    assert profiles["flops"][f"{query} (Linear)"] == stats.figures[ModulePath(query)].flops[0]


def test_speedscope_takes_any_weight_and_lifts_what_is_not_shown() -> None:
    analysis = pipeline.load(chain("/a/b/Relu", "/a/c/Relu", "/a/Relu"))
    time = Weighing(
        "time", {ModulePath("a.b"): 1.5, ModulePath("a.c"): 2.0, ModulePath("a"): 0.25}, "milliseconds"
    )
    found = check_speedscope(json.loads(speedscope(analysis, [time], everything(analysis))))
    assert found == {"time": {"a": 0.25, "a.b": 1.5, "a.c": 2}}
    home = with_ancestors(analysis.tree, [ModulePath("a.b")])
    lifted = check_speedscope(json.loads(speedscope(analysis, [time], home)))
    assert lifted == {"time": {"a": 2.25, "a.b": 1.5}}


@pytest.mark.parametrize("measure", list(Measure))
def test_model_explorer_adds_up_to_the_figures(measure: Measure, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = heard(capsys, "export", BERT, "--format", "model-explorer", "--weight", measure.value)
    assert code == 0
    graph = onnx.load(BERT).graph
    (graph_id, data), *others = json.loads(out).items()
    assert (graph_id, others) == (graph.name, [])
    assert data["results"].keys() == {node.name for node in graph.node}
    assert {item["stop"] for item in data["gradient"]} == {0, 1}
    whole = collect(pipeline.load(BERT), {}).figures[ROOT]
    wanted = {"nodes": whole.nodes, "parameters": whole.parameters, "bytes": whole.parameter_bytes}
    total = sum(result["value"] for result in data["results"].values())
    assert total == wanted.get(measure.value, whole.flops)[1]


def test_model_explorer_leaves_out_what_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    path = EXPORTS / "resnet" / "ts_dyn.onnx"
    _, out, err = heard(capsys, "export", path, "--format", "model-explorer", "--weight", "flops")
    assert "are unknown, first" in err
    (data,) = json.loads(out).values()
    graph = onnx.load(path).graph
    assert len(data["results"]) < len(graph.node)
    _, out, err = heard(
        capsys, "export", path, "--format", "model-explorer", "--weight", "flops", "--dim", "batch=1"
    )
    (data,) = json.loads(out).values()
    assert len(data["results"]) == len(graph.node)
    assert err == ""


def test_model_explorer_names_unnamed_nodes_by_their_place_and_shares_out_modules() -> None:
    model = chain("/a/Relu", "/a/Relu_1", "/b/Relu")
    model.graph.node[1].name = ""
    model.graph.node[1].metadata_props.add(key="rewriter.module", value="a")
    analysis = pipeline.load(model)
    (data,) = json.loads(model_explorer(analysis, Weighing("time", {ModulePath("a"): 3.0}))).values()
    assert data["results"] == {
        "/a/Relu": {"value": 1.5},
        "<node_1>": {"value": 1.5},
        "/b/Relu": {"value": 0},
    }


def test_bodies_count_as_their_owner() -> None:
    path = EXPORTS / "scripted_if_loop" / "ts.onnx"
    analysis = pipeline.load(path)
    (data,) = json.loads(model_explorer(analysis, weigh(analysis, Measure.NODES))).values()
    assert data["results"].keys() <= {node.name for node in analysis.model.graph.node}
    assert sum(each["value"] for each in data["results"].values()) == analysis.tree.placed


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_a_row_for_every_module_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = heard(capsys, "export", BERT, "--format", "csv")
    rows = rows_of(out)
    analysis = pipeline.load(BERT)
    assert [row["path"] for row in rows] == [module.path for module in analysis.tree]
    figures = collect(analysis, {}).figures
    for row in rows:
        each = figures[ModulePath(row["path"])]
        assert (int(row["flops"]), int(row["all_flops"])) == each.flops
        assert (int(row["parameters"]), int(row["all_bytes"])) == (
            each.parameters[0],
            each.parameter_bytes[1],
        )
    _, out, _ = heard(capsys, "export", BERT, "--format", "csv", "--class", "Linear")
    assert {row["class"] for row in rows_of(out)} == {"torch.nn.modules.linear.Linear"}


def test_csv_holds_no_formula() -> None:
    from rewriter.insight.figures import figures_of
    from rewriter.views.exports.table import table

    analysis = pipeline.load(chain("/=HYPERLINK(1)/Relu", "/@x/Relu", "/a,b/Relu"))
    text = table(analysis.tree, figures_of(analysis, [0, 0, 0]))
    assert [row["path"] for row in rows_of(text)] == ["", "'=HYPERLINK(1)", "'@x", "a,b"]


TOKEN = re.compile(r'\s*("(?:[^"\\\n]|\\.)*"|[A-Za-z_][A-Za-z_0-9]*|[0-9.]+|->|[{}\[\]=;,])')


def tokens(text: str) -> Iterator[str]:
    """The tokens of the dot language; anything else is a fault."""
    position = 0
    while text[position:].strip():
        match = TOKEN.match(text, position)
        assert match, text[position : position + 80]
        yield match[1]
        position = match.end()


def edges(text: str) -> set[tuple[str, str]]:
    return set(re.findall(r"(m\d+) -> (m\d+)", text))


def test_dot_nests_modules_and_joins_siblings() -> None:
    analysis = pipeline.load(chain("/a/b/Relu", "/a/c/Relu", "/a/Relu", "/d/Relu"))
    text = dot(analysis, everything(analysis))
    found = list(tokens(text))
    assert found.count("{") == found.count("}") == 3
    assert found.count("[") == found.count("]")
    assert text.index("subgraph cluster_0") < text.index("subgraph cluster_1") < text.index('m2 [label="b')
    # numbers are places in the tree: 1 is a, 2 is a.b, 3 is a.c, 4 is d
    assert edges(text) == {("m2", "m3"), ("m3", "m1"), ("m1", "m4")}
    assert "m1 -> m4 [ltail=cluster_1];" in text
    flat = dot(analysis, with_ancestors(analysis.tree, [ModulePath("a"), ModulePath("d")]))
    assert edges(flat) == {("m1", "m2")}
    assert "subgraph cluster_1" not in flat


@pytest.mark.parametrize("case", ["bert/ts", "bert/dy", "scripted_if_loop/ts", "unet/ts", "shared_block/ts"])
def test_dot_of_exports_is_well_formed(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = heard(capsys, "export", EXPORTS / f"{case}.onnx", "--format", "dot")
    assert code == 0
    found = list(tokens(out))
    assert found.count("{") == found.count("}")
    boxes = set(re.findall(r"^ *(m\d+) \[label", out, re.MULTILINE))
    clusters = set(re.findall(r"subgraph (cluster_\d+)", out))
    assert {end for edge in edges(out) for end in edge} <= boxes
    assert set(re.findall(r"l(?:tail|head)=(cluster_\d+)", out)) <= clusters


def test_hostile_names_stay_text() -> None:
    model = chain("n0", "n1", "n2")
    hostile = ('/"];evil[label="x/Relu', "/back\\slash/Relu", "/\x1b[2J\n/Relu")
    for node, name in zip(model.graph.node, hostile, strict=True):
        node.name = name
    analysis = pipeline.load(model)
    text = dot(analysis, everything(analysis))
    assert list(tokens(text)).count("{") == 2
    assert "\x1b" not in text
    assert edges(text) == {("m1", "m2"), ("m2", "m3")}
    for document in (
        speedscope(analysis, [weigh(analysis, Measure.NODES)], everything(analysis)),
        model_explorer(analysis, weigh(analysis, Measure.NODES)),
    ):
        assert "\x1b" not in document
        json.loads(document)


def test_files_are_written_whole_and_inputs_spared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "bert.csv"
    code, out, _ = heard(capsys, "export", BERT, "--format", "csv", "-o", output)
    assert (code, out) == (0, "")
    assert len(rows_of(output.read_text())) == len(rewriter.tree(BERT))
    model = tmp_path / "m.onnx"
    model.write_bytes(BERT.read_bytes())
    code, _, err = heard(capsys, "export", model, "--format", "csv", "-o", model)
    assert (code, model.read_bytes()) == (2, BERT.read_bytes())
    assert "is the input" in err
    assert heard(capsys, "export", BERT, "--format", "csv", "-o", tmp_path / "none" / "x.csv")[0] == 2
    assert heard(capsys, "export", BERT, "--format", "dot", "--weight", "flops")[0] == 2
    assert heard(capsys, "export", BERT, "zzz", "--format", "dot")[0] == 2


@pytest.mark.parametrize("variant", ["ts", "dy"])
@pytest.mark.parametrize("functions", ["none", "call", "shared"])
def test_grouped_and_annotated_files_give_the_figures_of_flat_ones(
    functions: FunctionsWord, variant: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flat = EXPORTS / "gpt2" / f"{variant}.onnx"
    other = tmp_path / "other.onnx"
    rewriter.rewrite(flat, other, functions=functions, numbers=False)
    tables = [
        sorted(
            (row["path"], row["all_nodes"], row["all_parameters"], row["all_flops"])
            for row in rows_of(heard(capsys, "export", path, "--format", "csv")[1])
        )
        for path in (flat, other)
    ]
    assert tables[0] == tables[1]
