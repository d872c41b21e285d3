"""Killed, without space, or two at a time: an output stays one version, with its own data and sidecar."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.crashes import Stand, fill_disk, kill_at_steps, kill_at_times, left_over, race
from rewriter.errors import CannotWrite, UnreadableModel
from rewriter.model.storage import atomic_outputs
from rewriter.model.storage import data_copies as copies
from rewriter.model.storage.sidecar_path import sidecar_path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and kills what it forked")
WHOLE = {"old", "new"}
KILLED = WHOLE | {"old, no sidecar", "new, no sidecar"}


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


def test_killed_at_any_step(stand: Stand) -> None:
    found = Counter(kill_at_steps(stand, 40, seed=3))
    assert set(found) <= KILLED
    assert "old" in found
    assert not left_over(stand)


def test_killed_at_any_moment(stand: Stand) -> None:
    assert set(kill_at_times(stand, 40, seed=4)) <= KILLED


def test_no_space(stand: Stand) -> None:
    assert set(fill_disk(stand, range(0, 101, 25))) == WHOLE
    assert not left_over(stand)


def test_two_at_a_time(stand: Stand) -> None:
    assert set(race(stand, 10)) <= WHOLE


def test_only_the_data_of_the_version_that_stays_is_kept(stand: Stand) -> None:
    """The first version took the plain name; whichever comes, the copy that the other refers to goes."""
    for version in (0, 1, 0, 1):
        stand.rewrite(version)
        assert stand.verdict() in WHOLE
        assert len([file for file in stand.output.parent.iterdir() if file.suffix == ".data"]) == 1


def test_data_that_another_model_refers_to_is_kept(stand: Stand) -> None:
    other = stand.output.with_name("other.onnx")
    other.write_bytes(stand.output.read_bytes())
    before = {file: file.read_bytes() for file in stand.output.parent.glob("*.data")}
    for version in (0, 1, 0):
        stand.rewrite(version)
    assert {file: file.read_bytes() for file in before} == before


def test_an_input_that_changes_meanwhile(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {file: file.read_bytes() for file in stand.output.parent.iterdir()}
    real = atomic_outputs.write_atomically
    for changed in (stand.sources[0], stand.sources[0].with_name("model.onnx.data")):

        def late(*arguments: object, changed: Path = changed, **named: object) -> None:
            changed.write_bytes(changed.read_bytes())
            real(*arguments, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(atomic_outputs, "write_atomically", late)
        with pytest.raises(UnreadableModel, match=r"changed while it was read.*run again"):
            stand.rewrite(0)
        assert {file: file.read_bytes() for file in stand.output.parent.iterdir()} == before


def test_a_model_that_cannot_be_replaced_keeps_its_sidecar(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sidecar_path(stand.output).read_bytes()
    real = Path.replace

    def refused(self: Path, target: Path) -> Path:
        if Path(target) == stand.output:
            raise PermissionError(1, "Operation not permitted")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(CannotWrite, match="not permitted"):
        stand.rewrite(0)
    assert sidecar_path(stand.output).read_bytes() == before
    assert not [*stand.output.parent.glob(".*")]


def test_names_tell_contents(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    source, there = tmp_path / "from" / "w.data", tmp_path / "to" / "w.data"
    source.write_bytes(b"new")
    assert copies.copies_to(there.parent, source.with_name("m.onnx"), ["w.data"]).files == {there: source}
    there.write_bytes(b"new")
    assert copies.copies_to(there.parent, source.with_name("m.onnx"), ["w.data"]).files == {}
    there.write_bytes(b"old")
    planned = copies.copies_to(there.parent, source.with_name("m.onnx"), ["w.data"])
    (named,) = planned.files
    assert planned.renamed == {"w.data": named.name}
    os.link(source, named)
    there.unlink()  # the copy serves again, whether the plain name is free or not
    again = copies.copies_to(there.parent, source.with_name("m.onnx"), ["w.data"])
    assert (again.files, again.there) == ({}, (named,))
