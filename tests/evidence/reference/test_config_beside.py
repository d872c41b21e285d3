"""A config beside a model is its reference; a config that does not fit causes a remark, not an error."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import rewriter
from rewriter.batch import Request, rewrite_one
from rewriter.evidence.reference import config_beside as beside
from rewriter.evidence.reference.config_beside import config_beside, with_config
from rewriter.evidence.side_inputs import NOTHING
from rewriter.model.limits import Limits, within
from tests.cli.running import heard, run
from tests.evidence.reference.test_sources import bert_config
from tests.exports import EXPORTS, truth_of

BERT = EXPORTS / "bert" / "ts.onnx"


@pytest.fixture(scope="module")
def transformers() -> Any:
    pytest.importorskip("torch", reason="torch is not installed: pip install '.[torch]'")
    return pytest.importorskip(
        "transformers", reason="transformers is not installed: pip install '.[transformers]'"
    )


@pytest.fixture
def model(transformers: Any, tmp_path: Path) -> Path:
    """Create the layout of a hub: config.json, and the model in the folder onnx."""
    (tmp_path / "bert" / "onnx").mkdir(parents=True)
    bert_config(transformers, tmp_path / "bert")
    return Path(shutil.copy(BERT, tmp_path / "bert" / "onnx" / "model.onnx"))


def test_it_is_the_reference_and_says_so(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.onnx"
    code, said, _ = heard(capsys, "rewrite", model, "-o", out, "--no-numbers")
    assert code == 0
    remark = "config.json: it lies with the model, so it is the reference; --no-config leaves it out"
    assert "".join(remark.split()) in "".join(said.split())
    truth = {entry["path"]: entry["class"] for entry in truth_of(BERT.parent)["modules"] if entry["path"]}
    assert {m.path: m.class_name for m in rewriter.tree(out) if m.path} == truth
    explicit = tmp_path / "explicit.onnx"
    code, said, _ = heard(
        capsys, "rewrite", model, "-o", explicit, "--no-numbers", "--reference", model.parents[1]
    )
    assert (code, "it lies with the model" in said) == (0, False)
    assert explicit.read_bytes() == out.read_bytes()
    assert "BertPooler" in heard(capsys, "tree", model, "--depth", "8")[1]


def test_it_is_left_out_where_asked(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--no-numbers", "--json")
    assert run("rewrite", model, "-o", tmp_path / "without.onnx", "--no-config", *words) == 0
    assert "notes" not in json.loads(capsys.readouterr().out)
    assert run("rewrite", BERT, "-o", tmp_path / "plain.onnx", *words) == 0
    assert (tmp_path / "without.onnx").read_bytes() == (tmp_path / "plain.onnx").read_bytes()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "no_such_model"}, "cannot be built: KeyError"),
        ({"hidden_size": -1}, "cannot be built"),
        (
            {"model_type": "gpt2", "architectures": []},
            "no name in this file shows where the reference belongs",
        ),
    ],
)
def test_what_is_of_no_use_is_a_remark(changes: dict[str, object], said: str, model: Path) -> None:
    path = model.parents[1] / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    record = rewrite_one(str(model), str(model.with_name("out.onnx")), Request(numbers=False))
    assert record.status == "done"
    assert any(said in note for note in record.notes), record.notes
    plain = rewrite_one(str(model), str(model.with_name("plain.onnx")), Request(numbers=False, config=False))
    assert record.outputs["out.onnx"] == plain.outputs["plain.onnx"]
    assert record.key != plain.key


def test_code_beside_a_config_is_never_run(model: Path, tmp_path: Path) -> None:
    path = model.parents[1] / "config.json"
    changes = {"model_type": "own", "auto_map": {"AutoModel": "own.Own", "AutoConfig": "own.OwnConfig"}}
    code = f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n"
    for name in ("own", "modeling_bert", "configuration_bert"):
        (path.parent / f"{name}.py").write_text(code)
    for change in (changes, {"auto_map": changes["auto_map"]}):
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        given = with_config(NOTHING, model)
        assert given.remarks
    assert not (tmp_path / "ran").exists()


def test_a_config_may_not_ask_for_any_number_of_modules(model: Path) -> None:
    path = model.parents[1] / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": 10**9}))
    with within(Limits(nodes=2000)):
        (remark,) = with_config(NOTHING, model).remarks
    assert "asks for more than 2,000 modules" in remark
    assert remark.endswith("it lies with the model, and was not used")


def test_where_it_is_looked_for(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = model.parents[1]
    assert config_beside(model) == home / "config.json"
    assert config_beside(home / "model.onnx") == home / "config.json"
    assert config_beside(home / "other" / "model.onnx") is None
    (model.parent / "config.json").write_text('{"tokens": 3}')  # not a config of transformers
    assert config_beside(model) == home / "config.json"
    (home / "config.json").write_text("no JSON")
    assert config_beside(model) is None
    (model.parent / "config.json").write_text('{"model_type": "bert"}')
    monkeypatch.setattr(beside, "_LARGEST_CONFIG", 10)
    assert config_beside(model) is None


def test_without_transformers_nothing_happens(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "transformers" else find(name, *more)
    )
    assert config_beside(model) is None
    assert with_config(NOTHING, model) is NOTHING
