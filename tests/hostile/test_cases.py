"""Each hostile file gets its line and its exit code, soon, in little memory, and nothing else is touched."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest

from tests.hostile.cases import CASES, DONE, Case
from tests.hostile.server import Ran, Server

SECONDS = 5.0
PEAK = 1 << 30
SECRET = b"nobody may read this"
SCRATCH = Path(tempfile.gettempdir()) / "rewriter-"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands take for the user's cache folder."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def server(cache: Path) -> Iterator[Server]:
    started = Server({"XDG_CACHE_HOME": str(cache)})
    yield started
    started.close()


def write(case: Case, folder: Path) -> Path:
    """The file of a case, in a folder of its own, with a secret beside that."""
    for each in ("outside", "in", "out"):
        (folder / each).mkdir()
    (folder / "outside" / "secret.data").write_bytes(SECRET)
    case.beside(folder / "in")
    content = case.content()
    path = folder / "in" / "m.onnx"
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    return path


def judge(ran: Ran, code: int, words: str, path: Path) -> None:
    """What holds of every command."""
    assert (ran.code, ran.err) == (code, "") if code == DONE else ran.code == code, ran
    assert ran.seconds < SECONDS
    assert ran.peak < PEAK
    for text in (ran.out, ran.err):
        assert all(char.isprintable() or char == "\n" for char in text)
        assert "Traceback" not in text
    if code != DONE:
        assert ran.out == ""
        assert ran.err.startswith(f"rewriter: {path}: ")
        assert ran.err.count("\n") == 1
        assert len(ran.err) < 2500
        assert words in ran.err


def judge_files(ran: Ran, folder: Path) -> None:
    """Nothing but the model, its data and the outputs."""
    secret = folder / "outside"
    reads = [Path(each) for each in ran.read if Path(each).is_relative_to(folder) and not Path(each).is_dir()]
    assert not [each for each in reads if each.is_relative_to(secret)]
    assert not [each for each in reads if each.resolve().is_relative_to(secret)]
    assert {each.parent.name for each in reads} <= {"in", "out"}
    changed = [Path(each) for each in ran.changed]
    elsewhere = [each for each in changed if not str(each).startswith(str(SCRATCH))]
    assert {each.parent for each in elsewhere if each != Path("/dev/null")} <= {folder / "out"}


@pytest.mark.parametrize("name", CASES)
def test_hostile_file(name: str, tmp_path: Path, server: Server) -> None:
    case = CASES[name]
    path = write(case, tmp_path)
    out = tmp_path / "out"
    numbers = [] if case.numbers else ["--no-numbers"]
    common = ("--copy-data", "--timeout", "4")
    commands: list[tuple[int, tuple[str | Path, ...]]] = [
        (case.tree, ("tree", path)),
        (case.tree, ("doctor", path)),
        (case.annotate, ("rewrite", path, "-o", out / "a.onnx", *numbers, *common)),
        (
            case.group,
            ("rewrite", path, "-o", out / "g.onnx", "--functions", "shared", "--no-numbers", *common),
        ),
        (case.verify, ("verify", path, path, "--no-numbers")),
    ]
    for code, words in commands:
        ran = server.run(*case.options, *words)
        judge(ran, code, case.words, path)
        judge_files(ran, tmp_path)
    done = {"a.onnx": case.annotate == DONE, "g.onnx": case.group == DONE}
    assert {each.name for each in out.glob("*.onnx")} == {each for each, is_done in done.items() if is_done}
    assert (tmp_path / "outside" / "secret.data").read_bytes() == SECRET
    if case.annotate == DONE:
        assert server.run("verify", path, out / "a.onnx", "--no-numbers").code == DONE
        unharmed(path, out / "a.onnx")


def unharmed(before: Path, after: Path) -> None:
    """All that annotating may add is metadata, and the IR version that has it."""
    left, right = (onnx.load(each, load_external_data=False) for each in (before, after))
    for each in (left, right):
        each.ClearField("metadata_props")
        each.ClearField("ir_version")
        for node in each.graph.node:
            node.ClearField("metadata_props")
    assert left.SerializeToString(deterministic=True) == right.SerializeToString(deterministic=True)


def test_onnxruntime_leaves_nothing_in_the_cache(tmp_path: Path, server: Server, cache: Path) -> None:
    path = write(CASES["legal: plain"], tmp_path)
    ran = server.run("verify", path, path)
    assert "bit for bit equal" in ran.out
    assert not [*cache.iterdir()]


def test_a_limit_is_raised(tmp_path: Path, server: Server) -> None:
    path = write(CASES["size: scopes"], tmp_path)
    ran = server.run("--limit", "nodes=1999", "tree", path)
    judge(
        ran, 3, "over the limit of 1,999; where that is meant, raise it with 'rewriter --limit nodes=", path
    )
    assert server.run("--limit", "nodes=1999", "--limit", "nodes=2000", "tree", path).code == DONE
    assert server.run("--limit", "nodes", "tree", path).code == 2
