"""Every fault is one line on stderr, an exit code and no file written."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from rewriter.cli import BUG, INTERRUPTED, main
from rewriter.pipeline import loader
from tests.cli.running import heard
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "ts.onnx"
EXTERNAL = EXPORTS / "external_data" / "dy.onnx"

Snapshot = dict[str, bytes | None]


def snapshot(folder: Path) -> Snapshot:
    return {str(f.relative_to(folder)): f.read_bytes() if f.is_file() else None for f in folder.rglob("*")}


def fails(capsys: pytest.CaptureFixture[str], folder: Path, code: int, *words: str | Path) -> str:
    """Run and check that it fails as it should; returns the message."""
    before = snapshot(folder)
    found, out, err = heard(capsys, *words)
    assert (found, out) == (code, "")
    assert err.startswith("rewriter: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert snapshot(folder) == before
    return err.removeprefix("rewriter: ").rstrip("\n")


def copy_to(target: Path) -> Path:
    shutil.copy(BERT, target)
    return target


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.write(BERT, "model.onnx")
    return stream.getvalue()


UNREADABLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "truncated": (lambda: BERT.read_bytes()[:-1000], "cut off"),
    "truncated_early": (lambda: BERT.read_bytes()[:20], "no"),
    "zip": (zipped, "zip archive"),
    "gzip": (lambda: b"\x1f\x8b\x08\x00" + bytes(100), "gzip"),
    "html": (lambda: b"<!DOCTYPE html><html><body>404</body></html>", "HTML"),
    "html_lower_case": (lambda: b"\n<!doctype html>\n<html lang='en'>", "HTML"),
    "html_upper_case": (lambda: b"<HTML><BODY>", "HTML"),
    "lfs_pointer": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "git lfs pull",
    ),
    "empty": (lambda: b"", "empty"),
    "random": (lambda: bytes((i * 7919 + 13) % 251 for i in range(5000)), "not an ONNX model"),
    "zeros": (lambda: bytes(1000), "not an ONNX model"),
    "text": (lambda: b"hello", "not an ONNX model"),
}


VERBS = ["tree", "rewrite", "verify", "verify_after", "explain", "select", "stats", "export"]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_files(name: str, verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, hint = UNREADABLE[name]
    model = tmp_path / "model.onnx"
    model.write_bytes(content())
    words: dict[str, list[str | Path]] = {
        "tree": ["tree", model],
        "rewrite": ["rewrite", model, "-o", tmp_path / "out.onnx"],
        "verify": ["verify", model, BERT],
        "verify_after": ["verify", BERT, model],
        "explain": ["explain", model, "x"],
        "select": ["select", model, "x"],
        "stats": ["stats", model],
        "export": ["export", model, "--format", "csv", "-o", tmp_path / "out.csv"],
    }
    message = fails(capsys, tmp_path, 3, *words[verb])
    assert message.startswith(f"{model}: ")
    assert hint in message


def test_missing_file_and_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in fails(capsys, tmp_path, 3, "tree", tmp_path / "none.onnx")
    assert "a folder" in fails(capsys, tmp_path, 3, "tree", tmp_path)
    assert fails(capsys, tmp_path, 3, "tree", BERT / "below.onnx")


def with_external(folder: Path) -> Path:
    for file in EXTERNAL.parent.glob("dy.onnx*"):
        shutil.copy(file, folder)
    return folder / EXTERNAL.name


def test_external_data_missing_short_or_linked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = with_external(tmp_path)
    data = tmp_path / "dy.onnx.data"
    whole = data.read_bytes()
    words = ("rewrite", model, "-o", tmp_path / "out.onnx")
    data.write_bytes(whole[:-1])
    assert f"has {len(whole) - 1} bytes" in fails(capsys, tmp_path, 3, *words)
    data.unlink()
    assert "'dy.onnx.data' is missing" in fails(capsys, tmp_path, 3, *words, "--numbers")
    data.mkdir()
    assert "'dy.onnx.data' is missing: a folder" in fails(capsys, tmp_path, 3, *words)
    data.rmdir()
    data.symlink_to(EXTERNAL.parent / "dy.onnx.data")
    assert "is a link" in fails(capsys, tmp_path, 3, *words)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("location", "../dy.onnx.data"),
        ("location", "/etc/passwd"),
        ("location", ""),
        ("location", "a\0b"),
        ("location", "x" * 5000),
        ("location", "*/_ORT_MEM_ADDR_/*"),
        ("offset", "-8"),
        ("offset", "99999999999999999999999"),
        ("offset", "many"),
        ("length", "-1"),
        ("length", "9" * 6000),
    ],
)
@pytest.mark.parametrize("verb", ["rewrite", "verify"])
def test_hostile_external_data(
    key: str, value: str, verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = with_external(tmp_path)
    model = onnx.load(path, load_external_data=False)
    tensor = next(t for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL)
    entries = {entry.key: entry for entry in tensor.external_data}
    (entries.get(key) or tensor.external_data.add(key=key)).value = value
    path.write_bytes(model.SerializeToString())
    if verb == "rewrite":
        fails(capsys, tmp_path, 3, "rewrite", path, "-o", tmp_path / "out.onnx")
    else:
        fails(capsys, tmp_path, 3, "verify", path, EXTERNAL)


def test_weights_are_not_left_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = with_external(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    output = tmp_path / "elsewhere" / "out.onnx"
    assert "--copy-data" in fails(capsys, tmp_path, 2, "rewrite", model, "-o", output)
    (tmp_path / "elsewhere" / "dy.onnx.data").write_bytes(b"mine")
    fails(capsys, tmp_path, 2, "rewrite", model, "-o", tmp_path / "dy.onnx.data")
    assert heard(capsys, "rewrite", model, "-o", output, "--copy-data", "--no-numbers")[0] == 0
    assert (tmp_path / "elsewhere" / "dy.onnx.data").read_bytes() == b"mine"
    assert heard(capsys, "verify", model, output)[0] == 0


def test_output_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = copy_to(tmp_path / "model.onnx")
    assert "create it first" in fails(
        capsys, tmp_path, 2, "rewrite", model, "-o", tmp_path / "none" / "out.onnx"
    )
    fails(capsys, tmp_path, 2, "rewrite", model, "-o", model / "out.onnx")
    assert "is a folder" in fails(capsys, tmp_path, 2, "rewrite", model, "-o", tmp_path)
    (tmp_path / "out.modules.json").mkdir()
    fails(capsys, tmp_path, 2, "rewrite", model, "-o", tmp_path / "out.onnx", "--no-numbers")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "not writable" in fails(capsys, tmp_path, 2, "rewrite", model, "-o", tmp_path / "free.onnx")


def test_output_is_the_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = copy_to(tmp_path / "model.onnx")
    (tmp_path / "link.onnx").symlink_to(model)
    for output in (model, tmp_path / "link.onnx", tmp_path / "." / "model.onnx"):
        assert "is the input" in fails(capsys, tmp_path, 2, "rewrite", model, "-o", output)


def test_the_sidecar_would_be_the_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = copy_to(tmp_path / "model.modules.json")
    words = ("rewrite", model, "-o", tmp_path / "model.onnx", "--no-numbers")
    assert "is the input" in fails(capsys, tmp_path, 2, *words)
    assert heard(capsys, *words, "--sidecar", "none")[0] == 0


def test_the_sidecar_would_be_the_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = with_external(tmp_path)
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "out.modules.json"
    path.write_bytes(model.SerializeToString())
    (tmp_path / "dy.onnx.data").rename(tmp_path / "out.modules.json")
    fails(capsys, tmp_path, 2, "rewrite", path, "-o", tmp_path / "out.onnx", "--no-numbers")


@pytest.mark.parametrize(
    "words",
    [
        ["rewrite", "M"],
        ["rewrite", "M", "-o"],
        ["rewrite", "M", "-o", "out.onnx", "--no-such-option"],
        ["rewrite", "M", "-o", "out.onnx", "--timeout", "0"],
        ["rewrite", "M", "-o", "out.onnx", "--timeout", "nan"],
        ["rewrite", "M", "-o", "out.onnx", "--timeout", "soon"],
        ["rewrite", "M", "-o", "out.onnx", "--min-coverage", "101"],
        ["rewrite", "M", "-o", "out.onnx", "--min-coverage", "nan"],
        ["rewrite", "M", "-o", "out.onnx", "--inputs", "none.npz"],
        ["rewrite", "M", "-o", "out.onnx", "--optimised", "--no-numbers"],
        ["flatten", "M", "-o", "out.onnx", "--optimised", "--no-numbers"],
        ["verify", "M", "M", "--no-numbers", "--optimised"],
        ["tree"],
        ["tree", "M", "--depth", "-1"],
        ["tree", "M", "another"],
        ["grow", "M"],
        ["--no-such-option"],
        ["explain", "M", "/encoder/no/such/node"],
        ["explain", "M", ""],
    ],
    ids=" ".join,
)
def test_wrong_use(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fails(capsys, tmp_path, 2, *(str(BERT) if word == "M" else word for word in words))


def test_an_unknown_node_is_told_its_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = fails(
        capsys, tmp_path, 2, "explain", BERT, "/model/encoder/layer.0/attention/self/query/MatMull"
    )
    assert "; nearest: /model/encoder/layer.0/attention/self/query/MatMul" in message


def test_inputs_that_do_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import numpy as np

    np.savez(tmp_path / "unknown.npz", nonsense=np.zeros(1, np.float32))
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04broken")
    for name in ("unknown", "broken"):
        words = ("rewrite", BERT, "-o", tmp_path / "out.onnx", "--inputs", tmp_path / f"{name}.npz")
        fails(capsys, tmp_path, 2, *words)


def test_thresholds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = fails(
        capsys, tmp_path, 4, "rewrite", EXPORTS / "recurrent" / "dy_dyn.onnx",
        "-o", tmp_path / "out.onnx", "--min-coverage", "99.9", "--no-numbers",
    )  # fmt: skip
    assert "99.9%" in message


def test_a_bug_of_our_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("first line\nsecond line")

    monkeypatch.setattr(loader, "analyse", broken)
    message = fails(capsys, tmp_path, BUG, "tree", BERT)
    assert message.startswith("internal error")
    assert "second line" not in message
    assert BUG == 70
    with pytest.raises(ZeroDivisionError):
        main(["--debug", "tree", str(BERT)])


def test_interrupt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loader, "analyse", interrupted)
    code, out, err = heard(capsys, "tree", BERT)
    assert (code, out) == (INTERRUPTED, "")
    assert err.strip() == "rewriter: interrupted"
    assert INTERRUPTED == 130


def test_names_from_a_file_cannot_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = fails(capsys, tmp_path, 3, "tree", tmp_path / "a\x1b[31mred\nline\u202e.onnx")
    assert message.isprintable()
