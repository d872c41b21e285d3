from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from rewriter.cli import main
from rewriter.insight.tools import examine
from rewriter.insight.tools.examine import RULES
from rewriter.insight.tools.optimisers import SLIM
from rewriter.views.json import schema
from tests.exports import EXPORTS
from tests.insight.tools import files

BERT = EXPORTS / "bert" / "dy.onnx"


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["doctor", *map(str, words)])
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_a_model_without_anything_to_warn_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, files.save(files.flat(), tmp_path / "model.onnx"), "--strict")
    assert (code, err) == (0, "")
    assert "no warning of" in out
    assert "TensorRT" in out


def test_strict_leaves_with_4_where_there_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = files.save(files.function(), tmp_path / "model.onnx")
    code, _, err = run(capsys, path)
    assert (code, err) == (0, "")
    code, strict, err = run(capsys, path, "--strict", "--tool", "onnxslim")
    assert code == 4
    assert "1 warning of onnxslim" in err
    assert "onnxslim" in strict
    assert "onnxsim" not in strict


def test_every_mend_is_said_once_and_referred_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, files.save(files.noted_function(), tmp_path / "model.onnx"))
    told = {line.split()[1] for line in out.splitlines() if line.startswith("mend ")}
    assert len(told) > 2
    assert all(f"(mend {number})" in " ".join(out.split()) for number in told)


def test_json_keeps_to_its_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (BERT, files.save(files.noted_function(), tmp_path / "model.onnx")):
        code, out, _ = run(capsys, path, "--json")
        assert code == 0
        document = json.loads(out)
        jsonschema.Draft202012Validator(schema("doctor")).validate(document)
    assert {each["rule"] for each in document["findings"]} < {rule.name for rule in RULES}


@pytest.mark.parametrize(
    ("release", "told", "newer"),
    [
        ("99.1", "onnxslim · measured up to {last}, 99.1 is installed here", True),
        ("0.1.51", "onnxslim · measured with {first} to {last}, 0.1.51 is installed here", False),
        ("{last}", "onnxslim · measured with {first} to {last}\n", False),
        (None, "onnxslim · measured with {first} to {last}, not installed here", False),
    ],
    ids=["newer", "between", "newest", "missing"],
)
def test_what_a_tool_was_measured_with(
    release: str | None,
    told: str,
    newer: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bounds = {"first": SLIM.measured[0], "last": SLIM.measured[-1]}
    monkeypatch.setattr(examine, "installed", lambda tool: release and release.format(**bounds))
    path = files.save(files.function(), tmp_path / "model.onnx")
    _, out, _ = run(capsys, path, "--tool", "onnxslim")
    assert told.format(**bounds) in out
    _, out, _ = run(capsys, path, "--tool", "onnxslim", "--json")
    (tool,) = json.loads(out)["tools"]
    assert tool["newer_than_measured"] is newer


def test_faults_have_their_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, tmp_path / "missing.onnx")
    assert (code, out) == (3, "")
    assert "no such file" in err
    code, _, err = run(capsys, BERT, "--tool", "tensorrt")
    assert code == 2
    assert "other tools were not measured" in err
