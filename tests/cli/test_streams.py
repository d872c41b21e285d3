"""Results on stdout, progress on stderr, JSON as its schema says; help at once."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import jsonschema
import onnx
import pytest

from rewriter.cli import main
from rewriter.version import __version__
from rewriter.views.json import schema
from tests import forks
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "dy.onnx"
NODE = "/model/encoder/layer.0/attention/self/query/MatMul"


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return forks.run("-m", "rewriter", *words)


def test_help_loads_neither_onnx_nor_rich_nor_numpy() -> None:
    code = (
        "import sys\n"
        "from rewriter.cli import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit as left:\n    assert left.code == 0, left.code\n"
        "heavy = {'onnx', 'onnxruntime', 'rich', 'numpy', 'google.protobuf', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("Usage: rewriter")
    assert all(verb in found.stdout for verb in ("tree", "rewrite", "verify", "explain"))


@pytest.mark.parametrize("verb", ["tree", "rewrite", "verify", "explain"])
def test_every_verb_shows_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    assert left.value.code == 0
    assert f"rewriter {verb} bert.onnx" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    first, *others = capsys.readouterr().out.splitlines()
    assert first == f"rewriter {__version__}"
    told = dict(line.split() for line in others)
    assert told["python"] == platform.python_version()
    assert told["onnx"] == onnx.__version__
    assert {"onnxruntime", "numpy"} <= set(told)


def test_version_imports_nothing_that_it_tells_of() -> None:
    code = (
        "import sys\n"
        "from rewriter.cli import main\n"
        "try:\n    main(['--version'])\n"
        "finally:\n    print({'onnx', 'numpy', 'onnxruntime', 'rich', 'torch'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.endswith("set()\n")


def test_without_words_it_shows_the_help() -> None:
    found = run()
    assert found.returncode == 2
    assert "Usage: rewriter" in found.stdout + found.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tree", ["tree", BERT, "--json"]),
        ("explain", ["explain", EXPORTS / "bert" / "ts.onnx", NODE, "--json"]),
        ("rewrite", ["rewrite", BERT, "--dry-run", "--json"]),
        ("rewrite", ["rewrite", BERT, "--dry-run", "--json", "--no-numbers", "--restore-names"]),
        ("verify", ["verify", BERT, BERT, "--json"]),
        ("verify", ["verify", BERT, BERT, "--json", "--optimised"]),
    ],
)
def test_json_follows_its_schema(name: str, words: list[str | Path]) -> None:
    found = run(*words)
    assert (found.returncode, found.stderr) == (0, "")
    document = json.loads(found.stdout)
    assert document["schema"] == f"rewriter.{name}/1"
    jsonschema.Draft202012Validator(schema(name)).validate(document)


def test_the_sidecar_follows_its_schema(tmp_path: Path) -> None:
    found = run("rewrite", BERT, "-o", tmp_path / "out.onnx", "--no-numbers")
    assert (found.returncode, found.stderr) == (0, "")
    assert {file.name for file in tmp_path.iterdir()} == {"out.onnx", "out.modules.json"}
    document = json.loads((tmp_path / "out.modules.json").read_text())
    jsonschema.Draft202012Validator(schema("modules")).validate(document)


def test_text_goes_to_stdout_without_colours() -> None:
    commands: list[list[str | Path]] = [
        ["tree", BERT],
        ["verify", BERT, BERT, "--no-numbers"],
        ["rewrite", BERT, "--dry-run"],
    ]
    for words in commands:
        found = run(*words)
        assert (found.returncode, found.stderr) == (0, "")
        assert found.stdout
        assert "\x1b" not in found.stdout


def test_verify_leaves_with_1_where_models_differ() -> None:
    found = run("verify", BERT, EXPORTS / "gpt2" / "dy.onnx", "--json")
    assert (found.returncode, found.stderr) == (1, "")
    assert json.loads(found.stdout)["verification"]["certificate"]["equal"] is False


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
@pytest.mark.parametrize("words", [["tree", BERT], ["tree", BERT, "--json"], ["verify", BERT, BERT]])
def test_a_reader_that_leaves_early_is_no_fault(words: list[str | Path]) -> None:
    read, write = os.pipe()
    os.close(read)
    found = subprocess.run(
        [sys.executable, "-m", "rewriter", *map(str, words)],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert (found.returncode, found.stderr) == (0, "")


def test_only_and_depth(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["tree", str(BERT), "--only", "model.encoder.layer.*.attention"])
    assert left.value.code == 0
    assert "query" not in capsys.readouterr().out
    with pytest.raises(SystemExit) as left:
        main(["tree", str(BERT), "--depth", "1"])
    assert left.value.code == 0
    assert "attention" not in capsys.readouterr().out
