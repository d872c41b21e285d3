"""Functions from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

import rewriter
from tests.cli.running import run
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "dy.onnx"


def test_layers_share_a_function(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "shared.onnx"
    assert run("rewrite", BERT, "-o", out, "--functions", "shared", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [step["name"] for step in report["passes"]] == ["annotate", "unshare", "group", "share", "embed"]
    model = onnx.load(out)
    layers = [function for function in model.functions if function.name == "BertLayer"]
    assert [layer.domain for layer in layers] == ["transformers.models.bert.modeling_bert"]
    assert len(model.graph.node) < 20
    assert run("flatten", out, "-o", tmp_path / "flat.onnx", "--no-numbers") == 0
    assert not onnx.load(tmp_path / "flat.onnx").functions


def test_only_repeated_modules_of_a_class(tmp_path: Path) -> None:
    out = tmp_path / "repeated.onnx"
    words = ["--functions", "shared", "--repeated", "--no-numbers"]
    assert run("rewrite", BERT, "-o", out, *words, "--class", "BertLayer") == 0
    assert [function.name for function in onnx.load(out).functions] == ["BertLayer"]
    assert run("rewrite", BERT, "-o", out, *words, "--class", "BertEncoder") == 0
    assert not onnx.load(out).functions


def test_a_glob_may_hold_any_character(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--functions", "call", "--only", "a,b}c {d", "--no-numbers"]
    assert run("rewrite", BERT, "-o", tmp_path / "out.onnx", *words) == 2
    assert "no module fits 'a,b}c {d'; there are model, " in capsys.readouterr().err
    assert not (tmp_path / "out.onnx").exists()


def names_of_functions(path: Path) -> set[str]:
    return {function.name for function in onnx.load(path).functions}


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (["--class", "BertLayer", "--class", "BertPooler"], {"BertLayer", "BertPooler"}),
        (["--class", "Bert[LP]*er"], {"BertLayer", "BertPooler"}),
        (["--only", "model.pooler", "--only", "**.query"], {"BertPooler", "Linear"}),
        (["--only", "model.pooler", "--class", "BertPooler"], {"BertPooler"}),
    ],
)
def test_options_given_twice_both_count(words: list[str], made: set[str], tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    assert run("rewrite", BERT, "-o", out, "--functions", "shared", "--no-numbers", *words) == 0
    assert names_of_functions(out) == made


def test_passes_and_python_take_several_as_well(tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    steps = "annotate,group{only=model.pooler,only=**.query,class_name=Linear,class_name=BertPooler}"
    assert run("rewrite", BERT, "-o", out, "--no-numbers", "-p", steps) == 0
    assert names_of_functions(out) == {"BertPooler", "Linear"}
    report = rewriter.rewrite(
        BERT, functions="call", only=["model.pooler", "**.query"], class_name=("Linear",), numbers=False
    )
    assert {function.name for function in report.analysis.model.functions} == {"Linear"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--functions", "call", "--only", "encoder.layr.*"], "nearest: model.encoder.layer.*"),
        (["--functions", "call", "--class", "BertLayr"], "no class fits 'BertLayr'; nearest: BertLayer"),
        (
            ["--functions", "call", "--only", "model.pooler", "--class", "BertLayer"],
            "no module fits 'model.pooler' and",
        ),
        (["-p", "group{only=poolr}"], "no module fits 'poolr'; nearest: model.pooler"),
        (["-p", "group{class_name=Bert}"], "no class fits 'Bert'; nearest: Bert"),
        (["--functions", "call", "--only", "model.encoder.layer"], "its parts are model.encoder.layer.*"),
        (["--functions", "call", "--depth", "1", "--class", "Linear"], "is called within depth 1"),
        (["--functions", "call", "--depth", "1", "--depth", "2"], "--depth is given twice; give it once"),
        (["-p", "group{depth=1,depth=2}"], "group{depth} is given twice; give it once"),
    ],
)
def test_what_fits_nothing_is_an_error(
    words: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.onnx"
    assert run("rewrite", BERT, "-o", out, "--no-numbers", *words) == 2
    assert says in capsys.readouterr().err
    assert not out.exists()


def test_a_grouped_file_is_asked_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grouped = tmp_path / "grouped.onnx"
    rewriter.rewrite(BERT, grouped, functions="call", numbers=False)
    words = ["--functions", "call", "--no-numbers", "--dry-run", "--only"]
    assert run("rewrite", grouped, *words, "poolr") == 2
    assert "nearest: model.pooler" in capsys.readouterr().err
    assert run("rewrite", grouped, *words, "model.pooler") == 0


def test_passes_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.onnx"
    assert run("rewrite", BERT, "-o", out, "-p", "annotate,group{depth=1}", "--no-numbers") == 0
    assert onnx.load(out).functions
    assert run("rewrite", BERT, "-o", out, "-p", "group{width=1}") == 2
    assert "no option of pass 'group' fits 'width'; nearest: depth" in capsys.readouterr().err
    assert run("rewrite", BERT, "-o", out, "-p", "annotate", "--functions", "call") == 2
    assert "leave out --functions" in capsys.readouterr().err
    assert run("rewrite", BERT, "-o", out, "--repeated") == 2
    assert "add --functions" in capsys.readouterr().err


def test_layers_are_annotated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "layers.onnx"
    words = ["--layer-annotations", "--no-numbers"]
    assert run("rewrite", BERT, "-o", out, *words, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [step["name"] for step in report["passes"]] == ["annotate", "layer_annotations"]
    assert report["passes"][1]["changes"] == {"layers annotated": len(onnx.load(out).graph.node)}
    assert run("rewrite", BERT, "-o", out, "-p", "annotate", *words) == 2
    assert "--layer-annotations" in capsys.readouterr().err
    assert run("rewrite", out, "-o", tmp_path / "again.onnx", *words) == 0
    assert "layer_annotations: nothing to change" in capsys.readouterr().out


def test_optimised_numbers_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "shared.onnx"
    assert run("rewrite", BERT, "-o", out, "--functions", "shared", "--optimised") == 0
    assert "with all optimisations, onnxruntime: 3 runs, " in capsys.readouterr().out
    assert run("flatten", out, "-o", tmp_path / "flat.onnx", "--optimised", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["verification"]["optimised"]["within"]


def test_passes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("passes") == 0
    assert "share{lift=false}" in capsys.readouterr().out
    assert run("passes", "--json") == 0
    listed = json.loads(capsys.readouterr().out)["passes"]
    assert [step["name"] for step in listed][-4:] == ["flatten", "tap", "untap", "drop"]
