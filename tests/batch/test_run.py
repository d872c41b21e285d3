from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import onnx
import pytest

from rewriter import batch
from rewriter.batch.record import Status
from rewriter.batch.views import batch_json
from rewriter.errors import UnreadableModel, UsageError
from rewriter.views.json import schema
from tests.batch.making import QUICK, contents, dies_at_poison, folder_of, lines, with_data

NAMES = [f"part{number % 3}/m{number}.onnx" for number in range(6)]


def test_a_batch_and_the_same_once_more(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path / "src", *NAMES), tmp_path / "out"
    (source / "part0" / "bad.onnx").write_text("junk")
    seen: list[tuple[str, int, int]] = []
    first = batch.run(
        source, out, QUICK, jobs=2, told=lambda record, at, of: seen.append((record.target, at, of))
    )
    assert sorted(target for target, _, _ in seen) == sorted([*NAMES, "part0/bad.onnx"])
    assert [through for _, through, _ in seen] == list(range(1, 8))
    assert first.exit_code == 3
    assert [record.target for record in first.failures] == ["part0/bad.onnx"]
    assert first.kept == frozenset()
    assert set(contents(out)) == {*NAMES, *(name.replace(".onnx", ".modules.json") for name in NAMES)}

    again = batch.run(source, out, QUICK)
    assert again.records == first.records
    assert len(again.kept) == 7
    assert len(lines(out)) == 7
    jsonschema.Draft202012Validator(schema("batch")).validate(json.loads(json.dumps(batch_json(again))))


def test_only_what_changed_is_done_again(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path / "src", *NAMES), tmp_path / "out"
    before = batch.run(source, out, QUICK, jobs=1)
    onnx.save(onnx.load(source / NAMES[1]), source / NAMES[0])
    (out / NAMES[2]).unlink()
    (source / "new.onnx").write_bytes((source / NAMES[3]).read_bytes())
    after = batch.run(source, out, QUICK, jobs=1)
    assert {record.target for record in after.records} - after.kept == {NAMES[0], NAMES[2], "new.onnx"}
    assert after.exit_code == 0
    other = batch.run(source, out, replace(QUICK, passes="annotate,restore_names"), jobs=1)
    assert not other.kept
    assert len(lines(out)) == len(before.records) + 3 + len(other.records)


def test_what_failed_for_good_is_done_again_where_asked(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path / "src", "m.onnx"), tmp_path / "out"
    (source / "bad.onnx").write_text("junk")
    assert batch.run(source, out, QUICK, jobs=1).exit_code == 3
    assert batch.run(source, out, QUICK, jobs=1).kept == {"bad.onnx", "m.onnx"}
    assert batch.run(source, out, QUICK, jobs=1, again=True).kept == {"m.onnx"}


def test_external_data_and_companions_keep_their_places(tmp_path: Path) -> None:
    source, out = tmp_path / "src", tmp_path / "out"
    with_data(source / "bert" / "onnx" / "model.onnx", "model.onnx_data")
    (source / "bert" / "config.json").write_text("{}")
    (source / "bert" / "onnx" / "model.modules.json").write_text("of an earlier run, elsewhere")
    (source / "bert" / ".git").mkdir()
    (source / "bert" / ".git" / "config.json").write_text("{}")
    found = batch.run(source, out, QUICK, jobs=1, also=["*.json"])
    assert found.exit_code == 0
    assert set(contents(out)) == {
        "bert/config.json",
        "bert/onnx/model.modules.json",
        "bert/onnx/model.onnx",
        "bert/onnx/model.onnx_data",
    }
    assert "rewriter" in (out / "bert" / "onnx" / "model.modules.json").read_text()
    written = onnx.load(out / "bert" / "onnx" / "model.onnx")
    assert len(written.graph.initializer[0].raw_data) == 256


def test_a_process_that_dies_takes_nothing_else_along(tmp_path: Path) -> None:
    names = ["a.onnx", "once.onnx", "poison.onnx", "z.onnx"]
    source, out = folder_of(tmp_path / "src", *names), tmp_path / "out"
    found = batch.run(source, out, QUICK, jobs=2, work=dies_at_poison)
    assert {record.target: record.status for record in found.records} == {
        "a.onnx": Status.DONE,
        "once.onnx": Status.DONE,
        "poison.onnx": Status.CRASHED,
        "z.onnx": Status.DONE,
    }
    assert found.exit_code == 70
    assert "died twice" in found.failures[0].message
    assert len(lines(out)) == 4
    # What died is no verdict on the file: the next run tries again.
    assert batch.run(source, out, QUICK, jobs=1).exit_code == 0
    assert len(lines(out)) == 5


def test_a_dry_run_writes_the_ledger_alone(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path / "src", "a/m.onnx"), tmp_path / "out"
    found = batch.run(source, out, replace(QUICK, dry_run=True), jobs=1, also=["*"])
    assert found.exit_code == 0
    assert not contents(out)
    assert lines(out)[0]["nodes"] == 2


def test_misuse_is_told_before_anything_is_done(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path / "src", "m.onnx"), tmp_path / "out"
    with pytest.raises(UnreadableModel, match="no such file"):
        batch.run(source, out, replace(QUICK, like=str(tmp_path / "none.onnx")))
    for engine in ("spark", "dask", "dask://", "local://x", "local://", "ray.x"):
        with pytest.raises(UsageError, match=r"no engine fits .*; write local"):
            batch.run(source, out, QUICK, engine=engine)
    with pytest.raises(UsageError, match="--jobs is for the local engine"):
        batch.run(source, out, QUICK, engine="ray", jobs=2)
    assert not out.exists()
