"""Results on stdout, progress on stderr, JSON as its schema says; help at once."""

from __future__ import annotations

import json
import os
import platform
import shutil
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


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([option])
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
    assert document["schema"].startswith(f"rewriter.{name}/")
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


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_reader_that_leaves_early_changes_no_verdict() -> None:
    read, write = os.pipe()
    os.close(read)
    words = ["verify", BERT, EXPORTS / "gpt2" / "dy.onnx", "--no-numbers"]
    command = [sys.executable, "-m", "rewriter", *map(str, words)]
    found = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (found.returncode, found.stderr) == (1, "")


FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.is_char_device(), reason="this system has no /dev/full")
LOST = "the results are incomplete, send them elsewhere\n"
PRINTING: list[list[str | Path]] = [
    ["--help"],
    ["--version"],
    ["tree", "--help"],
    ["tree", BERT],
    ["tree", BERT, "--json"],
    ["tree", BERT, "--compare-sources"],
    ["explain", BERT, "node_tanh"],
    ["explain", BERT, "node_tanh", "--json"],
    ["stats", BERT],
    ["stats", BERT, "--json"],
    ["report", BERT],
    ["export", BERT, "--format", "csv"],
    ["select", BERT, "model.pooler"],
    ["select", BERT, "model.pooler", "--json"],
    ["rewrite", BERT, "--dry-run", "--no-numbers"],
    ["rewrite", BERT, "--dry-run", "--no-numbers", "--json"],
    ["carry", BERT, BERT, "--dry-run", "--no-numbers"],
    ["flatten", BERT, "-o", "flat.onnx", "--no-numbers"],
    ["extract", BERT, "model.pooler", "-o", "pooler.onnx", "--no-numbers"],
    ["split", BERT, "--at", "model.pooler", "-o", "parts", "--no-numbers", "--json"],
    ["verify", BERT, BERT, "--no-numbers"],
    ["verify", BERT, BERT, "--no-numbers", "--json"],
    ["diff", BERT, BERT, "--no-numbers"],
    ["diff", BERT, BERT, "--no-numbers", "--json"],
    ["profile", BERT, "--rounds", "1", "--json"],
    ["batch", "in", "-o", "out", "--no-numbers", "--jobs", "1"],
    ["doctor", BERT],
    ["doctor", BERT, "--json"],
    ["passes"],
    ["passes", "--json"],
    ["completion", "bash"],
]


@needs_full
@pytest.mark.parametrize("words", PRINTING, ids=lambda words: " ".join(map(str, words[:1])) or "none")
def test_what_stdout_does_not_take_is_one_line(
    words: list[str | Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    shutil.copy(EXPORTS / "module_dict" / "dy.onnx", tmp_path / "in")
    with FULL.open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        monkeypatch.setattr(sys, "__stdout__", full)
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        assert sys.stdout is full  # as it was, with nothing left that would fail later
    assert left.value.code == 2
    assert capsys.readouterr().err == f"rewriter: stdout: cannot be written: No space left on device; {LOST}"


@needs_full
def test_full_and_closed_streams_of_a_process(tmp_path: Path) -> None:
    def leave(tail: str) -> tuple[int, str]:
        command = f'"{sys.executable}" -m rewriter tree "{BERT}" {tail}'
        found = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
        return found.returncode, found.stderr

    assert leave(">&-") == (2, f"rewriter: stdout: cannot be written: Bad file descriptor; {LOST}")
    assert leave("> /dev/full 2> /dev/full") == (2, "")


def test_a_closed_stdout_is_not_the_next_file(tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    command = f'"{sys.executable}" -m rewriter rewrite "{BERT}" -o "{out}" --no-numbers >&- 2>&- <&-'
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 2
    assert onnx.load(out).graph.node  # nothing was printed into it


def test_only_and_depth(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["tree", str(BERT), "--only", "model.encoder.layer.*.attention"])
    assert left.value.code == 0
    assert "query" not in capsys.readouterr().out
    with pytest.raises(SystemExit) as left:
        main(["tree", str(BERT), "--depth", "1"])
    assert left.value.code == 0
    assert "attention" not in capsys.readouterr().out
