"""Objects that show themselves: `repr` is one line, `str` is what the command prints, pictures are HTML."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import onnx
import pytest

import rewriter
from rewriter.basics.display import Display, counted, listed
from rewriter.batch.schedule import Batch
from rewriter.cli import main
from rewriter.modules.analysis import Analysis
from rewriter.passes.annotate import Annotate
from rewriter.paths import ModulePath
from rewriter.refusals import Reason
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "dy.onnx"
POOLER = "model.pooler"
LONGEST = 400
"""Characters of a line about any object of a fixture."""


@pytest.fixture(scope="module")
def model() -> rewriter.Model:
    return rewriter.open(BERT)


@pytest.fixture(scope="module")
def shown(model: rewriter.Model, tmp_path_factory: pytest.TempPathFactory) -> dict[type, object]:
    """An object of every public type."""
    report = model.rewrite(numbers=False, functions="shared")
    tree = model.tree
    refusal = rewriter.Refusal(ModulePath("a.b"), Reason.AMBIGUOUS, "/a/b\nAdd")
    weights = model.weights()
    folder = tmp_path_factory.mktemp("batch")
    objects = [
        *(model, model.analysis, rewriter.load(BERT), tree, tree.root, tree.root.path, tree.boundaries()[0]),
        *(
            tree[f"{POOLER}.dense"].parameters[0],
            tree.placements[0],
            rewriter.Kind.TORCH,
            rewriter.Selection(),
        ),
        *(report, report.verification, report.verification.verdict, report.passes[0].outcome, Annotate()),
        *(
            model.stats(),
            model.select(POOLER),
            model.place(f"{POOLER}=cpu"),
            model.explain("tanh"),
            model.conflicts(),
        ),
        *(
            model.export("dot"),
            model.diff(BERT, numbers=False),
            model.doctor(),
            rewriter.known_passes(),
            model.compare_sources(),
        ),
        *(model.extract(POOLER, numbers=False), model.split(POOLER, numbers=False)),
        model.implant({POOLER: model.extract(POOLER, numbers=False).model}, numbers=False),
        model.tap(POOLER, numbers=False),
        *(weights, model.refit({key: weights.read(key) for key in weights.given}, partial=True)),
        model.replace(POOLER, "my.domain:Pooler", numbers=False),
        rewriter.Precision(model.analysis, "fp16", 0.01, skipped="a\nreason"),
        *(rewriter.Profile(model.analysis, 0, skipped="a\nreason"), model.report(numbers=False)),
        *(refusal, rewriter.RewriterError("a fault"), rewriter.Part.NAMES),
        *(
            Batch((), frozenset(), str(folder), folder / "ledger.jsonl", 0.0),
            rewriter.Report(**_fields(report)),
        ),
    ]
    return {type(each): each for each in objects}


def _fields(report: rewriter.Report) -> dict[str, Any]:
    return {name: getattr(report, name) for name in rewriter.Report.__dataclass_fields__}


def test_every_public_type_is_among_them(shown: dict[type, object]) -> None:
    public = {each for name in rewriter.__all__ if inspect.isclass(each := getattr(rewriter, name))}
    missing = {kind for kind in public - shown.keys() if not getattr(kind, "_is_protocol", False)}
    assert {kind.__name__ for kind in missing} == set()


def test_repr_is_one_line(shown: dict[type, object]) -> None:
    for kind, each in shown.items():
        line = repr(each)
        assert len(line.splitlines()) == 1, kind
        assert len(line) <= LONGEST, (kind, len(line))
        assert kind.__name__ in line or isinstance(each, str), kind


def test_nothing_is_read_for_a_repr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert repr(rewriter.open("none.onnx")) == "<Model: none.onnx: not read yet>"


def test_hostile_names_stay_on_one_line() -> None:
    name = "a\n\x1b[31m" + "b" * 10_000
    node = onnx.helper.make_node("Relu", ["x"], ["y"], name=f"/{name}/Relu")
    value = [onnx.helper.make_tensor_value_info(each, 1, [2]) for each in "xy"]
    model = rewriter.open(onnx.helper.make_model(onnx.helper.make_graph([node], "g", value[:1], value[1:])))
    objects = [model.select(operators="Relu"), model.explain(f"/{name}/Relu"), *model.tree, model.tree]
    for each in objects:
        assert repr(each).isprintable()
        assert len(repr(each)) <= LONGEST


PRINTED: dict[str, type] = {
    f"tree {BERT}": rewriter.Model,
    f"stats {BERT}": rewriter.Stats,
    f"explain {BERT} tanh": rewriter.Explanation,
    f"tree {BERT} --conflicts": rewriter.Conflicts,
    f"doctor {BERT}": rewriter.Diagnosis,
    f"select {BERT} {POOLER}": rewriter.ChosenNames,
    f"select {BERT} {POOLER}=cpu --format ort-layers": rewriter.Placing,
    f"export {BERT} --format dot": rewriter.Export,
    f"diff {BERT} {BERT} --no-numbers": rewriter.Diff,
    f"rewrite {BERT} --functions shared --no-numbers --dry-run": rewriter.Rewritten,
    f"report {BERT} --no-numbers": rewriter.PageReport,
    "passes": rewriter.Catalogue,
}


@pytest.mark.parametrize("words", PRINTED)
def test_str_is_what_the_command_prints(
    words: str, shown: dict[type, object], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words.split())
    times = re.compile(r"took[\s\S]*")  # how long it took, which comes last
    printed, text = (
        times.sub("", each).rstrip("\n") for each in (capsys.readouterr().out, str(shown[PRINTED[words]]))
    )
    assert text == printed


def test_pieces_tell_of_the_whole(shown: dict[type, object]) -> None:
    assert "extract   model.pooler" in str(shown[rewriter.Extraction])
    assert "implant   model.pooler: piece" in str(shown[rewriter.Implanting])
    assert "part 1    from model.pooler" in str(shown[rewriter.Split])
    assert "proof" in str(shown[rewriter.Verification])


def test_what_no_verb_prints_is_its_one_line(model: rewriter.Model) -> None:
    assert str(model.tree[POOLER]) == repr(model.tree[POOLER])
    assert str(model.tree).splitlines()[0].startswith("83 of 83 nodes placed")


def test_trees_have_a_picture(model: rewriter.Model) -> None:
    pictures = [
        each._repr_html_() for each in (model, model.tree, rewriter.load(BERT), model.rewrite(numbers=False))
    ]
    for picture in pictures:
        assert picture.startswith('<div class="onnx-module-tree">')
        assert "BertPooler" in picture


def test_a_type_without_words_says_so() -> None:
    class Silent(Display):
        pass

    with pytest.raises(NotImplementedError):
        repr(Silent())
    assert isinstance(rewriter.load(BERT), Analysis)


def test_names_are_cut_and_counted() -> None:
    assert listed([]) == "none"
    assert listed(["a", "b\n"]) == "a, b\\n"
    assert listed("abcde") == "a, b, c, and 2 more"
    assert listed(["x" * 100]) == "x" * 80 + "..."
    assert (counted(1, "node"), counted(1200, "node")) == ("1 node", "1,200 nodes")
