"""References that need no torch: `truth.json` of the fixtures, sidecars, trees of other files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from rewriter import pipeline
from rewriter.api.functions import rewrite, tree
from rewriter.api.side_inputs import of_tree, read_evidence
from rewriter.cli import main
from rewriter.errors import UsageError
from rewriter.evidence.reference.module_list import Declared, Reference, ReferenceModule, full_scope
from rewriter.evidence.side_inputs import Given
from rewriter.modules.analysis import Analysis
from rewriter.paths import ModulePath
from rewriter.views.json import schema, tree_json
from rewriter.views.notebook_tree import tree_html
from rewriter.views.sidecar import document as sidecar
from tests.build import chain, model
from tests.exports import EXPORTS, each_file, file_in_turn, truth_of
from tests.modules.test_truth import UNDECIDABLE
from tests.references import truth

BERT = EXPORTS / "bert" / "ts.onnx"


def classes_of(folder: Path) -> dict[str, str]:
    modules = truth_of(folder)["modules"]
    return {name: entry["class"] for entry in modules for name in (entry["path"], *entry.get("aliases", ()))}


def misplaced(found: Analysis, path: Path) -> set[str]:
    nodes = truth_of(path.parent)["files"][path.stem]["nodes"]
    places = zip(found.graph.nodes, found.tree.placements, strict=True)
    return {
        node.name
        for node, place in places
        if node.name in nodes and (place.module if place else None) != nodes[node.name][0]
    }


@each_file
def test_every_module_is_there_no_other_and_no_node_is_placed_worse_than_without(path: Path) -> None:
    found = pipeline.load(path, truth(path.parent))
    assert {module.path: module.class_name for module in found.tree} == classes_of(path.parent)
    wrong = misplaced(found, path)
    assert wrong <= UNDECIDABLE.get(f"{path.parent.name}-{path.stem}", ("", {}))[1].keys()


@pytest.mark.parametrize("case", ["module_dict", "called_from_elsewhere"])
def test_scopes_that_name_no_module_are_read_again(case: str) -> None:
    path = EXPORTS / case / "ts.onnx"
    assert misplaced(pipeline.load(path), path)
    assert not misplaced(pipeline.load(path, truth(path.parent)), path)


@file_in_turn
def test_where_it_stands_is_found_by_agreement(path: Path) -> None:
    """The reference is wrapped in modules that the file does not have; only these are left out."""
    found = pipeline.load(path, truth(path.parent, inside="net.inner"))
    assert {module.path: module.class_name for module in found.tree} == classes_of(path.parent)


def test_a_file_that_wraps_the_reference() -> None:
    found = pipeline.load(BERT, truth(BERT.parent, part="model"))
    classes = {module.path: module.class_name for module in found.tree}
    assert classes == {**classes_of(BERT.parent), "": None}
    both = pipeline.load(BERT, truth(BERT.parent, inside="other", part="model"))
    assert {module.path: module.class_name for module in both.tree} == classes


def test_the_names_of_torch() -> None:
    bert = pipeline.load(BERT, truth(BERT.parent)).tree
    package = "transformers.models.bert.modeling_bert"
    assert bert["model"].full_scope == f"{package}.BertModel::model"
    assert bert["model.embeddings"].full_scope == f"{package}.BertEmbeddings::embeddings"
    assert bert["model.encoder.layer.1"].full_scope == f"{package}.BertLayer::layer.1"
    assert bert.root.full_scope == "fixtures.exports.bert.make.Wrapped::"
    assert full_scope("pkg.M", ModulePath("0.1")) == "pkg.M::0.1"


def test_a_module_with_two_names_bears_the_first_in_torch() -> None:
    path = EXPORTS / "two_names" / "dy.onnx"
    aliases = {a: m["path"] for m in truth_of(path.parent)["modules"] for a in m.get("aliases", ())}
    assert aliases
    for alias, first in aliases.items():
        module = pipeline.load(path, truth(path.parent)).tree[alias]
        assert module.full_scope == full_scope(str(module.class_name), ModulePath(first))


def test_modules_without_nodes_are_shown() -> None:
    found = pipeline.load(BERT, truth(BERT.parent))
    dropout = found.tree["model.embeddings.dropout"]
    assert (dropout.total_nodes, dropout.calls, dropout.kind) == (0, 0, "torch.nn")
    assert found.tree["model.encoder.layer"].calls == 0
    content = tree_json(found)
    jsonschema.Draft202012Validator(schema("tree")).validate(content)
    assert content["notes"] == ["reference: truth is the root, 49 modules, 425,344 parameters trainable"]
    assert "BertEmbeddings" in tree_html(found)
    assert "reference: truth is the root" in tree_html(found)


REFERENCE = Reference(
    "net",
    {
        module.path: module
        for module in (
            ReferenceModule(ModulePath(""), "pkg.Net", (), ModulePath("")),
            ReferenceModule(ModulePath("blocks"), "torch.nn.List", (), ModulePath("blocks"), is_list=True),
            ReferenceModule(
                ModulePath("blocks.fc"),
                "pkg.Fc",
                (
                    Declared("weight", (2, 3), trainable=True),
                    Declared("bias", (3,), trainable=False),
                    Declared("steps", (), trainable=False, buffer=True),
                ),
                ModulePath("blocks.fc"),
            ),
            ReferenceModule(
                ModulePath("head"),
                "pkg.Fc",
                (Declared("weight", (2, 3), trainable=True, same_as=ModulePath("blocks.fc.weight")),),
                ModulePath("head"),
            ),
        )
    },
)
NET = """g (float[1, 2] x) => (float[1, 3] y)
<float[2, 3] "blocks.fc.weight" = {1, 2, 3, 4, 5, 6}>
{ ["/fc/MatMul"] y = MatMul(x, "blocks.fc.weight") }"""


def test_parameters_are_counted_once_and_buffers_never() -> None:
    assert REFERENCE.count(trainable=True) == 6
    assert REFERENCE.count(trainable=False) == 3
    assert REFERENCE.count(trainable=None) == 0
    assert REFERENCE.count(ModulePath("head"), trainable=True) == 6


def test_a_sidecar_carries_a_reference(tmp_path: Path) -> None:
    first = pipeline.load(model(NET), Given(references=(REFERENCE,)))
    file = tmp_path / "net.modules.json"
    file.write_text(sidecar.write(first))
    jsonschema.Draft202012Validator(schema("modules")).validate(json.loads(file.read_text()))
    (again,) = read_evidence(reference=str(file)).references
    assert again.modules == dict(REFERENCE.modules)
    assert pipeline.load(model(NET), Given(references=(again,))).tree == first.tree


def test_the_tree_of_another_file_is_a_reference() -> None:
    other = tree(EXPORTS / "bert" / "dy.onnx")
    known = {module.path: module.class_name for module in other if module.class_name}
    assert len(known) > 30
    found = tree(BERT, reference=other)
    assert {module.path: module.class_name for module in found if module.class_name} == known
    assert not any(module.full_scope for module in found)  # a file may show a module under another name
    assert of_tree(other, "x").count(trainable=None) > 0
    assert of_tree(other, "x").count(trainable=True) == 0


def test_what_is_known_of_the_file_itself_counts_first() -> None:
    reference = Reference("net", {ModulePath("a"): ReferenceModule(ModulePath("a"), "pkg.Reference")})
    own = {"rewriter.module": "a", "rewriter.class": "pkg.Own"}
    assert pipeline.load(chain("n", n=own), Given(references=(reference,))).tree["a"].class_name == "pkg.Own"


def test_the_better_of_two_is_taken() -> None:
    (whole,), (part,) = truth(BERT.parent).references, truth(BERT.parent, part="model.encoder").references
    for references in ((whole, part), (part, whole)):
        found = pipeline.load(BERT, Given(references=references))
        assert all(module.class_name for module in found.tree)


def test_one_that_does_not_fit_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"ts.onnx: the reference truth does not fit: .*give what was exported"
    ):
        pipeline.load(EXPORTS / "resnet" / "ts.onnx", truth(BERT.parent))


def test_shapes_that_differ_are_told() -> None:
    (bert,) = truth(BERT.parent).references
    words = ModulePath("model.embeddings.word_embeddings")
    other = replace(bert.modules[words], declared=(Declared("weight", (30522, 128), trainable=True),))
    (note,) = pipeline.load(
        BERT, Given(references=(Reference("bert", {**bert.modules, words: other}),))
    ).notes
    assert note.endswith(
        "not in it: model.embeddings.word_embeddings.weight of shape [60, 128], which it has as [30522, 128]"
    )


def test_a_file_without_names_gets_a_note() -> None:
    assert pipeline.load(chain("a", "b"), Given(references=(REFERENCE,))).notes == (
        "reference: no name in this file shows where the reference belongs; a checkpoint would",
    )


def test_functions_are_made_with_it_as_well(tmp_path: Path) -> None:
    (tmp_path / "bert.modules.json").write_text(sidecar.write(pipeline.load(BERT, truth(BERT.parent))))
    report = rewrite(
        BERT,
        tmp_path / "out.onnx",
        functions="shared",
        numbers=False,
        reference=tmp_path / "bert.modules.json",
    )
    names = {function.name for function in report.analysis.model.functions}
    assert "BertLayer" in names
    assert not names & {"ModuleList", "layer"}


def test_a_rewritten_file_needs_it_no_more(tmp_path: Path) -> None:
    (tmp_path / "bert.modules.json").write_text(sidecar.write(pipeline.load(BERT, truth(BERT.parent))))
    rewrite(BERT, tmp_path / "out.onnx", numbers=False, reference=tmp_path / "bert.modules.json")
    found = tree(tmp_path / "out.onnx")
    assert {module.path: module.class_name for module in found} == classes_of(BERT.parent)
    assert [module.path for module in found if module.total_nodes and not module.calls] == [
        "model.encoder.layer"
    ]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("nothing", "no reference; name"),
        ("missing.json", "no such file"),
        ("{}/list.json", "not a JSON object"),
        ("{}/text.json", "not JSON"),
        ("{}/plain.json", "no transformers config"),
        ("{}", "config.json: no such file"),
        ("{}/sidecar.json", "write the sidecar again"),
    ],
)
def test_what_is_no_reference_is_told_in_one_line(
    reference: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = {"list": "[]", "text": "{", "plain": "{}", "sidecar": '{"schema": "rewriter.modules/1"}'}
    for name, content in contents.items():
        (tmp_path / f"{name}.json").write_text(content)
    with pytest.raises(SystemExit) as caught:
        main(["tree", str(BERT), "--reference", reference.format(tmp_path)])
    assert caught.value.code in (2, 3)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]


def test_an_object_that_is_no_reference() -> None:
    with pytest.raises(UsageError, match="cannot be made from a int"):
        read_evidence(reference=3)


@pytest.mark.parametrize(
    ("text", "package"), [("pkg.module:Class", "torch"), ("config.json", "transformers")]
)
def test_a_missing_extra_is_named(
    text: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.json").write_text('{"model_type": "any"}')
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=rf"pip install 'onnx-module-rewriter\[{package}\]'"):
        read_evidence(reference=text)


def test_lazy_parameters_are_not_counted() -> None:
    held = (Declared("weight", None, trainable=True), Declared("bias", (), trainable=True))
    path = ModulePath("fc")
    reference = Reference("net", {path: ReferenceModule(path, "Lazy", held)})
    assert reference.count(trainable=True) == 1
    assert reference.lazy == {"fc.weight"}
    assert reference.shapes == {"fc.bias": ()}
