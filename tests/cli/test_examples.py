"""Every example of every help page is run, on files of the names it speaks of."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
from click import Context, Group
from click.testing import CliRunner

from rewriter.cli import cli as command
from rewriter.cli import main
from tests.cli import example_files

assert isinstance(command, Group)
cli = command
ENDS = frozenset({"|", ">", "&&"})


def examples() -> list[str]:
    found = []
    for verb in cli.list_commands(Context(cli)):
        page = CliRunner().invoke(cli, [verb, "--help"], terminal_width=400).output
        found += re.findall(r"^    (rewriter .*)$", page, re.MULTILINE)
    return found


def allowed(words: list[str]) -> set[int]:
    """diff tells a difference by 1; what an example asks the doctor to be strict about may be there."""
    return {"diff": {0, 1}}.get(words[1], {0, 4} if "--strict" in words else {0})


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    example_files.make(folder)
    return folder


@pytest.mark.parametrize("example", examples())
def test_an_example_does_what_it_shows(
    example: str,
    prepared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = shlex.split(example)
    if "config.json" in words and find_spec("transformers") is None:
        pytest.skip("transformers is not installed: a config.json names its classes")
    if any(".py:" in word for word in words) and find_spec("torch") is None:
        pytest.skip("torch is not installed: a factory makes a module of it")
    shutil.copytree(prepared, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    end = next((at for at, word in enumerate(words) if word in ENDS), len(words))
    with pytest.raises(SystemExit) as left:
        main(words[1:end])
    out, err = capsys.readouterr()
    assert left.value.code in allowed(words), err
    for before, name in pairwise(words[:end]):
        if before in ("-o", "--output"):
            assert Path(name).exists()
    if words[end : end + 2] == ["|", "jq"] and shutil.which("jq"):
        done = subprocess.run(words[end + 1 :], input=out, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout
