from __future__ import annotations

import ast
import json
import shlex
from pathlib import Path

import jsonschema
import onnx
import pytest

import rewriter
from rewriter.basics.literals import FunctionsWord
from rewriter.insight.selected_names import choose
from rewriter.modules.selection import Selection
from rewriter.options.words import NamedKind
from rewriter.views.json import schema
from tests import build
from tests.build import chain
from tests.cli.running import heard
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "ts.onnx"
LAYER = "model.encoder.layer.0"


def save(model: onnx.ModelProto, folder: Path) -> Path:
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


def test_all_forms_name_the_same_nodes(capsys: pytest.CaptureFixture[str]) -> None:
    forms = {}
    for form in ("lines", "json", "python", "ort-quant", "ort-fp16", "nncf", "trt"):
        code, forms[form], err = heard(
            capsys, "select", BERT, f"{LAYER}.attention*", "--op", "MatMul", "--format", form
        )
        assert (code, err) == (0, "")
    names = forms["lines"].splitlines()
    assert len(names) == 6
    assert all(name.startswith("/model/encoder/layer.0/attention/") for name in names)
    assert json.loads(forms["json"]) == ast.literal_eval(forms["python"]) == names
    assert json.loads(forms["ort-quant"]) == {"nodes_to_exclude": names}
    assert json.loads(forms["ort-fp16"]) == {"node_block_list": names}
    call = ast.parse(forms["nncf"], mode="eval").body
    assert isinstance(call, ast.Call)
    assert ast.unparse(call.func) == "nncf.IgnoredScope"
    assert ast.literal_eval(call.keywords[0].value) == names
    constraints, layers = shlex.split(forms["trt"])
    assert constraints == "--precisionConstraints=obey"
    assert layers == "--layerPrecisions=" + ",".join(f"{name}:fp16" for name in names)


def test_values_and_initializers(capsys: pytest.CaptureFixture[str]) -> None:
    query = f"{LAYER}.attention.self.query"
    _, values, _ = heard(capsys, "select", BERT, query, "--what", "values")
    assert values.split() == [
        f"/{query.replace('.', '/').replace('/0/', '.0/')}/{n}_output_0" for n in ("MatMul", "Add")
    ]
    _, weights, _ = heard(capsys, "select", BERT, query, "--what", "initializers", "--format", "json")
    assert f"{query}.bias" in json.loads(weights)
    assert len(json.loads(weights)) == 2
    _, biases, _ = heard(capsys, "select", BERT, query, "--what", "initializers", "--op", "Add")
    assert biases.split() == [f"{query}.bias"]
    kept = heard(capsys, "select", BERT, LAYER, "--not", query, "--what", "initializers")[1].split()
    assert f"{query}.bias" not in kept
    assert f"{query.replace('query', 'key')}.bias" in kept
    code, _, err = heard(capsys, "select", BERT, query, "--what", "values", "--format", "nncf")
    assert code == 2
    assert "leave out --what values" in err


def test_nodes_without_names_are_told_with_the_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(BERT)
    for node in model.graph.node:
        node.name = ""
    code, out, err = heard(capsys, "select", save(model, tmp_path), LAYER)
    assert (code, out) == (2, "")
    assert "no nodes to name; " in err
    assert "nodes left out for lack of a name; name them with 'rewriter rewrite --restore-names'" in err
    named = tmp_path / "named.onnx"
    rewriter.rewrite(tmp_path / "model.onnx", named, restore_names=True, numbers=False)
    code, out, err = heard(capsys, "select", named, LAYER)
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == rewriter.tree(BERT)[LAYER].total_nodes


def test_a_name_that_others_bear_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = chain("/a/Relu", "/b/Relu")
    model.graph.node[1].name = "/a/Relu"
    model.graph.node[1].metadata_props.add(key="rewriter.module", value="b")
    _, out, err = heard(capsys, "select", save(model, tmp_path), "a")
    assert out == "/a/Relu\n"
    assert "1 name shared with other nodes, first '/a/Relu'" in err


def test_trtexec_takes_no_colons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = save(chain("/a/Relu", "/a/x:y"), tmp_path)
    code, out, err = heard(capsys, "select", model, "a", "--format", "trt", "--precision", "int8")
    assert (code, out) == (0, "--precisionConstraints=obey --layerPrecisions=/a/Relu:int8\n")
    assert "1 are left out, first '/a/x:y'" in err


def test_hostile_names_move_no_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = save(chain("/a/\x1b[2J", "/a/\u202eRelu"), tmp_path)
    for form in ("lines", "json", "python", "ort-quant", "ort-fp16", "nncf"):
        _, out, err = heard(capsys, "select", model, "a", "--format", form)
        assert "\x1b" not in out + err
        assert "\u202e" not in out + err


@pytest.mark.parametrize("words", [["a"], ["a", "--what", "values"], ["a=cpu", "--format", "ort-layers"]])
def test_json_follows_its_schema(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = heard(capsys, "select", save(chain("/a/Relu", "/b/Relu"), tmp_path), *words, "--json")
    document = json.loads(out)
    jsonschema.Draft202012Validator(schema("select")).validate(document)
    assert document["schema"] == "rewriter.select/1"


def test_layers_are_placed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    annotated = tmp_path / "annotated.onnx"
    rewriter.rewrite(BERT, annotated, layer_annotations=True, numbers=False)
    words = (
        *("model.encoder.layer.[0-5]=cpu", "model.pooler=gpu:0", "model.encoder.layer.1=gpu:0"),
        *("--format", "ort-layers"),
    )
    code, out, err = heard(capsys, "select", annotated, *words)
    assert code == 0
    assert out.splitlines() == [
        "session.layer_assignment_settings=cpu(model.encoder); gpu:0(model.pooler)",
        "session.name_based_layer_assignment=cpu(/model/encoder/); gpu:0(/model/pooler/)",
    ]
    assert "'model.encoder.layer.1' matches no node: earlier patterns took all of them" in err
    assert "use one of the two settings" in err
    assert "layer_ann" not in err
    _, out, _ = heard(capsys, "select", annotated, *words, "--json")
    assert json.loads(out)["unmatched"] == ["model.encoder.layer.1"]
    _, _, err = heard(capsys, "select", BERT, "model.pooler=cpu", "--format", "ort-layers")
    assert "lack their module path as metadata 'layer_ann'" in err
    code, _, err = heard(capsys, "select", annotated, "model=cpu", "nothing.*=cpu", "--format", "ort-layers")
    assert code == 2
    assert "no module fits 'nothing.*'" in err
    assert heard(capsys, "select", annotated, "model=cpu", "--op", "Add", "--format", "ort-layers")[0] == 2


@pytest.mark.parametrize("variant", ["ts", "dy"])
@pytest.mark.parametrize("functions", ["none", "call", "shared"])
def test_grouped_and_annotated_files_give_the_modules_of_flat_ones(
    functions: FunctionsWord, variant: str
) -> None:
    flat = rewriter.load(EXPORTS / "bert" / f"{variant}.onnx")
    report = rewriter.rewrite(EXPORTS / "bert" / f"{variant}.onnx", functions=functions, numbers=False)
    other = rewriter.load(report.analysis.model)
    for selection in (
        Selection(("model.encoder.layer.*.attention.**",)),
        Selection((LAYER,), operators=("MatMul",)),
        Selection(depth=3),
        Selection(operators=("Softmax", "*Norm*")) if variant == "dy" else Selection(operators=("Softmax",)),
    ):
        ours, theirs = (choose(analysis, selection, NamedKind.INITIALIZERS) for analysis in (flat, other))
        assert {m.path for m in ours.modules} == {m.path for m in theirs.modules}
        assert ours.names == theirs.names
        assert len(ours.nodes) == len(theirs.nodes)
    assert bool(choose(other, Selection((LAYER,))).notes) == (functions != "none")


def test_a_choice_means_the_same_in_every_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Globs without the wrapper's prefix, classes, kinds, operators, depth and the complement."""
    words = [*("--class", "BertLayer"), *("--class", "Linear"), "--not", "encoder.layer.1", "--depth", "4"]
    expected = ["model.encoder.layer.0", "model.pooler.dense"]

    def shown(*line: str | Path, key: str = "path") -> list[str]:
        document = json.loads(heard(capsys, *line, "--json")[1])
        return [each if isinstance(each, str) else each[key] for each in document["modules"]]

    model = EXPORTS / "bert" / "dy.onnx"
    for verb in ("tree", "select", "stats"):
        assert shown(verb, model, *words) == expected, verb
    assert shown("profile", model, *words, "--rounds", "1", "--warmup", "0") == expected
    assert shown("diff", model, model, "--no-numbers", "--all", *words, key="before") == expected
    assert [
        module.path
        for module in rewriter.open(model)
        .select(rewriter.Selection(class_name=("BertLayer", "Linear"), leave_out="encoder.layer.1", depth=4))
        .modules
    ] == expected
    report = rewriter.rewrite(
        model, functions="call", class_name="BertLayer", leave_out="encoder.layer.1", numbers=False
    )
    assert [function.name for function in report.result.functions] == ["BertLayer"]
    made = rewriter.rewrite(
        model, passes="annotate,group{class=BertLayer,not=encoder.layer.1}", numbers=False
    )
    assert [function.name for function in made.result.functions] == ["BertLayer"]


def test_nodes_of_no_module_are_not_told_to_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`restore_names` names nodes after their modules."""
    nameless = build.model("g (float x) => (float y) { y = Neg (x) }")
    code, _, err = heard(capsys, "select", save(nameless, tmp_path))
    assert code == 2
    assert "1 of 1 node left out for lack of a name; " in err
    assert "'rewriter rewrite --restore-names' can name 0 of them" in err
